Feature: A toy that stands for a system

  @T1.1
  Rule: It works within 1 second

    Background:
      Given a toy

    @good
    Scenario: Plain
      When it is touched
      Then it works

    @good
    Scenario Outline: Row <name>
      When it is touched
      Then it works

      Examples:
        | name |
        | a    |
        | b    |

    @pair
    Scenario Outline: Meets the other <name>
      When both are there
      Then it works

      Examples:
        | name |
        | one  |
        | two  |

    @long
    Scenario: It takes long
      When it waits 60 seconds
      Then it works

    @bad
    Scenario: It fails
      When it is touched
      Then it works better than it does

    @vague
    Scenario: It is not known
      When it is touched
      Then nobody can tell

    @suicide
    Scenario: Its process dies
      When its process is killed
      Then it works

  @T1.2
  Rule: It flies

    @good
    Scenario: To the moon
      When somebody flies to the moon
      Then it works

    @good @alone
    Scenario: All by itself
      Given a toy
      When it is frozen
      Then it works
