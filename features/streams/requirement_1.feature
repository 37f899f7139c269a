Feature: Requirement 1 - streams are spread evenly, and stay so when instances come and go

  A stream is processed by one worker at a time. Every worker has room for a number of streams; its fair
  share is the part of all streams that its room is of all room. Who processes a stream is what the
  stream's source sees, not what the system says.

  @R1.1
  Rule: A newly registered instance gets its share automatically

    @smoke
    Scenario: A third worker joins two that share everything
      Given a catalogue of 30 streams
      And workers "A" and "B" with room for 20 streams each share them
      When worker "C" with room for 20 streams joins
      Then worker "C" reads its share of 10 streams within 60 seconds

    Scenario: A worker with more room gets a larger share
      Given a catalogue of 60 streams
      And these workers share them
        | worker | room |
        | A      | 40   |
        | B      | 20   |
      When worker "C" with room for 60 streams joins
      Then worker "C" reads its share of 30 streams within 60 seconds

    Scenario: A share that is not a whole number is rounded down or up
      Given a catalogue of 40 streams
      And these workers share them
        | worker | room |
        | A      | 20   |
        | B      | 30   |
      When worker "C" with room for 25 streams joins
      Then worker "C" reads its share of 13 to 14 streams within 60 seconds

    Scenario: The first worker finds every stream waiting
      Given a catalogue of 12 streams
      And nobody reads them
      When worker "A" with room for 20 streams joins
      Then worker "A" reads its share of 12 streams within 60 seconds

  @R1.2
  Rule: The streams of an instance that leaves or dies are taken over by the others within 60 seconds

    @smoke @failover
    Scenario: A worker's process is killed
      Given a catalogue of 30 streams
      And workers "A", "B" and "C" with room for 20 streams each share them
      When worker "B" is killed
      Then every stream of worker "B" is read by another worker within 60 seconds

    @failover
    Scenario: A worker leaves in good order
      Given a catalogue of 30 streams
      And workers "A", "B" and "C" with room for 20 streams each share them
      When worker "B" is stopped
      Then every stream of worker "B" is read by another worker within 60 seconds

    @failover
    Scenario: A worker loses its connection for good
      Given a catalogue of 30 streams
      And workers "A", "B" and "C" with room for 20 streams each share them
      When worker "B" is cut off
      Then every stream of worker "B" is read by another worker within 60 seconds

    @failover
    Scenario: A worker that reconnects within the grace keeps its streams
      Given a catalogue of 30 streams
      And workers "A", "B" and "C" with room for 20 streams each share them
      When worker "B" is cut off for 3 seconds
      Then no stream changes its owner for 15 seconds

    @failover
    Scenario: A worker that crashes and is started again goes on reading
      Given a catalogue of 30 streams
      And workers "A", "B" and "C" with room for 20 streams each share them
      When worker "B" crashes and is started again
      Then every stream is read by exactly one worker within 60 seconds

    @failover
    Scenario: A worker dies while the orchestrator is away
      Given a catalogue of 30 streams
      And workers "A", "B" and "C" with room for 20 streams each share them
      When worker "B" is killed while the orchestrator is away for a moment
      Then every stream of worker "B" is read by another worker within 60 seconds

    @failover
    Scenario: A worker comes back after others took over its streams
      Given a catalogue of 30 streams
      And workers "A", "B" and "C" with room for 20 streams each share them
      And worker "B" was cut off and its streams were taken over
      And worker "D" with room for 20 streams has joined meanwhile
      When worker "B" comes back
      Then every stream is read by exactly one worker within 60 seconds
      And worker "B" reads its share of 7 to 8 streams within 60 seconds

    @failover
    Scenario: Two workers are killed at once
      Given a catalogue of 30 streams
      And workers "A", "B" and "C" with room for 30 streams each share them
      When workers "B" and "C" are killed
      Then every stream of workers "B" and "C" is read by another worker within 60 seconds

    @failover
    Scenario: The remaining workers cannot hold everything
      Given a catalogue of 50 streams
      And workers "A", "B" and "C" with room for 20 streams each share them
      When worker "B" is killed
      Then workers "A" and "C" read 40 streams within 60 seconds
      And the 10 others stay queued

    @failover
    Scenario: What was queued is placed when room appears
      Given a catalogue of 50 streams
      And workers "A" and "B" with room for 20 streams each share them
      When worker "C" with room for 20 streams joins
      Then workers "A", "B" and "C" read 50 streams within 60 seconds
      And worker "C" reads its share of 16 to 17 streams within 60 seconds

    Scenario: A worker registers again with more room
      Given a catalogue of 50 streams
      And simulated workers "A" and "B" with room for 20 streams each share them
      When worker "B" registers again with room for 30 streams
      Then workers "A" and "B" read 50 streams within 60 seconds

    @failover
    Scenario: The last worker is killed
      Given a catalogue of 12 streams
      And worker "A" with room for 20 streams reads them
      When worker "A" is killed
      Then all 12 streams are queued within 60 seconds

    @failover
    Scenario: A new worker takes over from the last one
      Given a catalogue of 12 streams
      And worker "A" with room for 20 streams reads them
      And worker "A" was killed and its streams are queued
      When worker "B" with room for 20 streams joins
      Then worker "B" reads its share of 12 streams within 60 seconds

  @R1.3
  Rule: A gap of more than 20 percentage points between the loads triggers a rebalance

    @smoke
    Scenario: One worker's streams disappear from the catalogue
      Given a catalogue of 45 streams
      And workers "A", "B" and "C" with room for 20 streams each share them
      When 12 streams of worker "B" are removed from the catalogue
      Then the load gap is at most 20 percentage points within 60 seconds

    Scenario Outline: A gap of exactly 20 points moves nothing (<large> of 100 against <small> of 10)
      Given a catalogue of <streams> streams
      And these workers share them
        | worker | room |
        | A      | 10   |
        | B      | 100  |
      When 20 streams of worker "B" are removed from the catalogue
      Then no stream changes its owner for 3 checks of the balance
      And worker "A" reads <small> and worker "B" reads <large> streams

      Examples:
        | streams | small | large |
        | 44      | 4     | 20    |
        | 88      | 8     | 60    |

    Scenario: A gap of 21 points moves exactly one stream
      Given a catalogue of 44 streams
      And these workers share them
        | worker | room |
        | A      | 10   |
        | B      | 100  |
      When 21 streams of worker "B" are removed from the catalogue
      Then exactly 1 stream moves from worker "A" to worker "B" within 60 seconds

    Scenario: A gap of 20.5 points moves exactly one stream
      Given a catalogue of 84 streams
      And these workers share them
        | worker | room |
        | A      | 10   |
        | B      | 200  |
      When 41 streams of worker "B" are removed from the catalogue
      Then exactly 1 stream moves from worker "A" to worker "B" within 60 seconds

  @R1.4
  Rule: In normal operation every instance is within 2 streams of its fair share

    @smoke
    Scenario: Workers and streams come and go at random, 40 times
      Given simulated workers and streams that come and go
      When 40 changes are made at random
      Then every worker is within 2 streams of its fair share within 60 seconds of each change

    Scenario: Workers and streams come and go at random, 200 times
      Given simulated workers and streams that come and go
      When 200 changes are made at random
      Then every worker is within 2 streams of its fair share within 60 seconds of each change

    Scenario: Worker programs come and go at random
      Given workers and streams that come and go
      When 20 changes are made at random
      Then every worker is within 2 streams of its fair share within 60 seconds of each change

    Scenario: Streams are added and nobody says so
      Given a catalogue of 20 streams
      And workers "A" and "B" with room for 20 streams each share them
      When 10 streams are added to the catalogue and nobody tells the orchestrator
      Then every stream is read by exactly one worker within 60 seconds

  @R1.5
  Rule: Faults in the middle of a rebalance lose no stream and double none

    @smoke @failover
    Scenario: A worker is killed while a rebalance runs
      Given a catalogue of 30 streams
      And workers "A" and "B" with room for 30 streams each share them
      And a rebalance is under way because worker "C" with room for 30 streams joined
      When worker "B" is killed
      Then every stream is read by exactly one worker within 60 seconds

    @failover
    Scenario: The newcomer is killed while a rebalance runs for it
      Given a catalogue of 30 streams
      And workers "A" and "B" with room for 30 streams each share them
      And a rebalance is under way because worker "C" with room for 30 streams joined
      When worker "C" is killed
      Then every stream is read by exactly one worker within 60 seconds

    @failover
    Scenario: The orchestrator is killed while a rebalance runs
      Given a catalogue of 30 streams
      And workers "A" and "B" with room for 30 streams each share them
      And a rebalance is under way because worker "C" with room for 30 streams joined
      When the orchestrator is killed and started again
      Then every stream is read by exactly one worker within 60 seconds

    Scenario: Streams are added while a rebalance runs
      Given a catalogue of 30 streams
      And workers "A" and "B" with room for 30 streams each share them
      And a rebalance is under way because worker "C" with room for 30 streams joined
      When 6 streams are added to the catalogue
      Then every stream is read by exactly one worker within 60 seconds

    @failover
    Scenario: What was queued survives the death of the orchestrator
      Given a catalogue of 50 streams
      And workers "A" and "B" with room for 20 streams each share them
      And the orchestrator was killed and started again
      When worker "C" with room for 20 streams joins
      Then workers "A", "B" and "C" read 50 streams within 60 seconds

    @failover
    Scenario: The orchestrator dies and finds everything as it was
      Given a catalogue of 30 streams
      And workers "A", "B" and "C" with room for 20 streams each share them
      When the orchestrator is killed and started again
      Then no stream changes its owner for 15 seconds

    @failover
    Scenario: Streams are removed while their worker is away for a moment
      Given a catalogue of 30 streams
      And workers "A", "B" and "C" with room for 20 streams each share them
      When 2 streams of worker "B" are removed from the catalogue while it is cut off for 2 seconds
      Then every stream is read by exactly one worker within 60 seconds

    Scenario: The same worker registers five times at once
      Given a catalogue of 30 streams
      And simulated workers "A", "B" and "C" with room for 20 streams each share them
      When worker "B" registers 5 times at once
      Then every stream is read by exactly one worker within 60 seconds

    Scenario: A worker registers again with less room
      Given a catalogue of 30 streams
      And simulated workers "A", "B" and "C" with room for 20 streams each share them
      When worker "B" registers again with room for 4 streams
      Then worker "B" reads its share of 2 to 3 streams within 60 seconds

    Scenario: Ten workers register at once
      Given a catalogue of 60 streams
      And simulated worker "A" with room for 60 streams reads them
      When ten simulated workers with room for 6 streams each register at once
      Then every stream is read by exactly one worker within 60 seconds
