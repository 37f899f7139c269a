"""The promises against histories of known truth: each breach is seen, and what is legitimate is not called one."""

from __future__ import annotations

from support.evidence.history import SECOND
from support.outcomes import Outcome
from support.systems.streams.checks.log import FewestMoves, LogTellsEveryChange, SecondRebalanceMovesNothing
from support.systems.streams.checks.promises import (
    CountersEqualRows,
    LogEndsWithOwners,
    NearShare,
    NothingLost,
    OneOwner,
    QueuedOnlyWhenFull,
    ReadByOwner,
    Settled,
    WithinCapacity,
)
from support.systems.streams.checks.readers import OF_READERS, OneReader, WithinRoom, WithoutPause
from tests.systems.streams.histories import Story

ROOM = {"A": 2, "B": 2}


def good() -> Story:
    story = Story().catalogue(0, 1, ["s1", "s2"]).state(1, ROOM, {"s1": "A", "s2": "B"})
    return story.reads("A", "s1", since=1).reads("B", "s2", since=1)


def test_a_good_history_breaks_no_promise() -> None:
    history = good().told()
    for promise in (OneOwner, NothingLost, WithinCapacity, *OF_READERS, FewestMoves, QueuedOnlyWhenFull, ReadByOwner, CountersEqualRows):
        assert promise().judge(history).outcome in (Outcome.MET, Outcome.COULD_NOT_JUDGE), promise
    assert Settled(0, 60).judge(history).met


def test_without_an_observation_nothing_is_promised() -> None:
    assert OneOwner().judge(Story().told()).outcome is Outcome.COULD_NOT_JUDGE
    assert OneReader().judge(Story().told()).outcome is Outcome.COULD_NOT_JUDGE


def test_two_owners() -> None:
    verdict = OneOwner().judge(good().state(2, ROOM, [("s1", "A"), ("s1", "B"), ("s2", "B")]).told())
    assert verdict.outcome is Outcome.VIOLATED
    assert "s1 was owned by A and B at once" in verdict.seen


def test_lost_and_invented() -> None:
    assert NothingLost().judge(good().state(2, ROOM, {"s1": "A"}).told()).outcome is Outcome.VIOLATED
    assert NothingLost().judge(good().state(2, ROOM, {"s1": "A", "s2": "B", "s9": None}).told()).outcome is Outcome.VIOLATED


def test_a_change_that_was_not_acknowledged_yet_may_be_known_or_not() -> None:
    story = good().at(2, "catalogue", version=2, streams=["s1", "s2", "s3"])
    assert NothingLost().judge(story.state(3, ROOM, {"s1": "A", "s2": "B"}).told()).met
    assert NothingLost().judge(story.state(4, ROOM, {"s1": "A", "s2": "B", "s3": "A"}).told()).met
    acknowledged = story.at(5, "change-acknowledged", version=2)
    assert NothingLost().judge(acknowledged.state(6, ROOM, {"s1": "A", "s2": "B"}).told()).outcome is Outcome.VIOLATED


def test_a_state_that_does_not_change_becomes_wrong_with_the_catalogue() -> None:
    story = good().catalogue(2, 2, ["s1", "s2", "s3"]).at(3, "database-same", asked=3 * SECOND)
    assert NothingLost().judge(story.told()).outcome is Outcome.VIOLATED


def test_above_capacity() -> None:
    over = {"s1": "A", "s2": "A", "s3": "A"}
    assert WithinCapacity().judge(good().state(2, ROOM, over).told()).outcome is Outcome.VIOLATED


def test_one_that_has_less_room_than_before_may_shed_its_surplus_in_time() -> None:
    story = Story().state(1, {"A": 3, "B": 2}, {"s1": "A", "s2": "A", "s3": "A"}).state(2, {"A": 2, "B": 2}, {"s1": "A", "s2": "A", "s3": "A"})
    assert WithinCapacity().judge(story.told()).met


def test_the_new_reader_must_wait_for_the_acknowledgement() -> None:
    story = good().at(2.0, "read-stopped", stream="s1", reader="A", how="closed").at(2.01, "stop-requested", stream="s1", reader="A")
    early = story.reads("B", "s1", since=2.5).at(3, "stop-acknowledged", stream="s1", reader="A").told()
    assert OneReader().judge(early).outcome is Outcome.VIOLATED


def test_a_move_that_waits_is_no_overlap() -> None:
    story = good().at(2.0, "stop-requested", stream="s1", reader="A").reads("A", since=0)
    story.at(2.5, "read-stopped", stream="s1", reader="A", how="acknowledged").at(2.5, "stop-acknowledged", stream="s1", reader="A")
    assert OneReader().judge(story.reads("B", "s1", since=2.6).told()).met


def test_a_killed_reader_waits_for_nothing() -> None:
    story = good().at(2.0, "stop-requested", stream="s1", reader="A").fault("killed", "A", called=2.2)
    assert OneReader().judge(story.reads("B", "s1", since=8).told()).met


def test_a_late_stop_of_a_reading_that_ended_long_ago_concerns_nobody() -> None:
    story = good().at(2.0, "read-stopped", stream="s1", reader="A", how="closed").reads("B", "s1", since=8)
    assert OneReader().judge(story.at(9, "stop-requested", stream="s1", reader="A").told()).met


def test_a_stop_that_is_asked_for_again_changes_nothing() -> None:
    story = good().at(2.0, "stop-requested", stream="s1", reader="A")
    story.at(2.1, "read-stopped", stream="s1", reader="A", how="acknowledged").at(2.1, "stop-acknowledged", stream="s1", reader="A")
    story.reads("B", "s1", since=2.2)
    story.at(2.4, "stop-requested", stream="s1", reader="A").at(2.4, "stop-acknowledged", stream="s1", reader="A")
    assert OneReader().judge(story.told()).met


def test_one_that_read_again_while_its_stop_was_kept_back_has_stopped_once_that_is_acknowledged() -> None:
    story = good().at(2.0, "stop-requested", stream="s1", reader="A").at(2.1, "read-stopped", stream="s1", reader="A", how="closed")
    story.reads("A", "s1", since=2.2)
    early = list(story.events)
    story.at(2.6, "read-stopped", stream="s1", reader="A", how="acknowledged").at(2.6, "stop-acknowledged", stream="s1", reader="A")
    assert OneReader().judge(story.reads("B", "s1", since=2.8).told()).met
    story.events = early
    assert OneReader().judge(story.reads("B", "s1", since=2.8).told()).outcome is Outcome.VIOLATED


def test_one_that_is_cut_off_may_read_on_but_not_for_ever() -> None:
    story = good().fault("cut off", "A", called=2, healed=20).reads("B", "s1", since=8)
    assert OneReader().judge(story.told()).outcome is Outcome.VIOLATED, "A never stopped"
    story.at(25, "read-stopped", stream="s1", reader="A", how="acknowledged")
    assert OneReader().judge(story.told()).met


def test_one_that_is_still_cut_off_may_read_on() -> None:
    assert OneReader().judge(good().fault("cut off", "A", called=2).reads("B", "s1", since=8).until(100).told()).met


def test_a_second_reader_before_the_fault_is_not_excused_by_it() -> None:
    assert OneReader().judge(good().reads("B", "s1", since=1.5).fault("cut off", "A", called=2).told()).outcome is Outcome.VIOLATED


def test_there_and_back_are_two_moves() -> None:
    story = good().state(2, ROOM, {"s1": "A", "s2": "B"}, [("s1", "A", "B", "t"), ("s1", "B", "A", "t")])
    assert FewestMoves().judge(story.told()).outcome is Outcome.VIOLATED


def test_as_many_moves_as_needed_are_no_breach() -> None:
    room = {"A": 4, "B": 4}
    story = Story().catalogue(0, 1, ["s1", "s2", "s3", "s4"])
    story.state(1, {"A": 4}, dict.fromkeys(["s1", "s2", "s3", "s4"], "A"), [(s, None, "A", "t0") for s in ("s1", "s2", "s3", "s4")])
    story.state(2, room, {"s1": "A", "s2": "A", "s3": "B", "s4": "B"}, [("s3", "A", "B", "t1"), ("s4", "A", "B", "t1")])
    assert FewestMoves().judge(story.told()).met
    story.state(3, room, {"s1": "B", "s2": "A", "s3": "A", "s4": "B"}, [("s1", "A", "B", "t2"), ("s3", "B", "A", "t2")])
    assert FewestMoves().judge(story.told()).outcome is Outcome.VIOLATED


def test_placing_what_a_dead_instance_had_is_no_move() -> None:
    story = Story().catalogue(0, 1, ["s1", "s2"]).state(1, ROOM, {"s1": "A", "s2": "B"}, [("s1", None, "A", "t0"), ("s2", None, "B", "t0")])
    story.state(2, {"A": 2}, {"s1": "A", "s2": "A"}, [("s2", "B", "A", "t1")])
    assert FewestMoves().judge(story.told()).met


def test_waiting_while_there_is_room() -> None:
    assert QueuedOnlyWhenFull().judge(good().state(2, ROOM, {"s1": "A", "s2": None}).told()).outcome is Outcome.VIOLATED
    assert QueuedOnlyWhenFull().judge(good().state(2, {"A": 1}, {"s1": "A", "s2": None}).told()).met


def test_an_assigned_stream_that_nobody_or_another_reads() -> None:
    assert ReadByOwner().judge(good().state(2, ROOM, {"s1": "A", "s2": "A"}).told()).outcome is Outcome.VIOLATED
    story = good().at(2, "read-stopped", stream="s2", reader="B", how="closed")
    assert ReadByOwner().judge(story.told()).outcome is Outcome.VIOLATED


def test_counters_and_views_must_agree() -> None:
    assert CountersEqualRows().judge(good().state(2, ROOM, {"s1": "A", "s2": "B"}, counters={"A": 7, "B": 1}).told()).outcome is Outcome.VIOLATED
    assert CountersEqualRows().judge(good().state(2, ROOM, {"s1": "B", "s2": "A"}, by="api").told()).outcome is Outcome.VIOLATED


def test_a_second_rebalance_is_judged_by_the_log_not_by_its_word() -> None:
    story = good().state(5, ROOM, {"s1": "B", "s2": "A"}, [("s1", "A", "B", "t"), ("s2", "B", "A", "t")])
    assert SecondRebalanceMovesNothing(4 * SECOND, [0]).judge(story.told()).outcome is Outcome.VIOLATED
    assert SecondRebalanceMovesNothing(6 * SECOND, [0]).judge(story.told()).met
    assert SecondRebalanceMovesNothing(6 * SECOND, [1]).judge(story.told()).outcome is Outcome.VIOLATED
    assert SecondRebalanceMovesNothing(6 * SECOND, []).judge(story.told()).outcome is Outcome.COULD_NOT_JUDGE


def test_settled_names_what_is_missing() -> None:
    verdict = Settled(0, 60, ["A", "B", "C"]).judge(good().told())
    assert verdict.open
    assert '"C" is not registered' in verdict.seen
    assert Settled(0, 60, ["A", "B", "C"]).judge(good().fault("cut off", "C", called=0.1).told()).met  # nobody expects that one


def test_a_move_in_two_rows_is_a_move() -> None:
    rows = [("s1", "A", None, "t"), ("s2", "B", None, "t"), ("s1", None, "B", "t"), ("s2", None, "A", "t")]
    story = good().state(2, ROOM, {"s1": "B", "s2": "A"}, rows)
    assert FewestMoves().judge(story.told()).outcome is Outcome.VIOLATED
    assert SecondRebalanceMovesNothing(SECOND, [0]).judge(story.told()).outcome is Outcome.VIOLATED


def test_rows_that_change_nothing_are_no_moves() -> None:
    rows = [("s1", "A", "A", "t"), ("s2", "B", None, "t"), ("s2", None, None, "t"), ("s2", None, "B", "t")]
    story = good().state(2, ROOM, {"s1": "A", "s2": "B"}, rows)
    assert FewestMoves().judge(story.told()).met
    assert SecondRebalanceMovesNothing(SECOND, [0]).judge(story.told()).met
    assert LogTellsEveryChange().judge(story.told()).met


def test_a_stream_that_is_queued_while_its_owner_lives_was_taken_away() -> None:
    story = good().state(2, ROOM, {"s1": None, "s2": "B"}, [("s1", "A", None, "t1")])
    assert FewestMoves().judge(story.told()).outcome is Outcome.VIOLATED


def test_what_was_queued_is_not_moved_by_the_later_occasion_that_places_it() -> None:
    story = Story().catalogue(0, 1, ["s1", "s2", "s3"]).state(1, {"A": 3}, dict.fromkeys(["s1", "s2", "s3"], "A"))
    story.state(2, {"A": 2}, {"s1": "A", "s2": "A", "s3": None}, [("s3", "A", None, "t1")])
    story.state(3, {"A": 2, "B": 1}, {"s1": "A", "s2": "A", "s3": "B"}, [("s3", None, "B", "t2")])
    assert FewestMoves().judge(story.told()).met


def test_moves_that_a_death_made_needless_had_been_needed() -> None:
    streams = [f"s{i}" for i in range(12)]
    story = Story().catalogue(0, 1, streams)
    owners: dict[str, str | None] = {s: "A" if i < 6 else "B" for i, s in enumerate(streams)}
    story.state(1, {"A": 20, "B": 20}, owners)
    story.state(2, {"A": 20, "B": 20, "C": 20}, owners | {"s0": "C"}, [("s0", "A", "C", "t1")])
    story.state(3, {"A": 20, "B": 20, "C": 20}, owners | {"s0": "C", "s1": "C"}, [("s1", "A", "C", "t1")])
    after = {s: "A" if o == "B" else o for s, o in (owners | {"s0": "C", "s1": "C"}).items()}
    after |= {"s2": "C", "s6": "C", "s7": "C", "s8": "C"}
    rows = [(s, "B", str(after[s]), "t2") for s in streams[6:]] + [("s2", "A", "C", "t1")]
    story.state(4, {"A": 20, "C": 20}, after, rows)
    assert FewestMoves().judge(story.told()).met


def test_a_change_of_owner_without_a_row() -> None:
    assert LogTellsEveryChange().judge(good().state(2, ROOM, {"s1": "B", "s2": "B"}).told()).outcome is Outcome.VIOLATED


def test_a_log_that_ends_with_another_owner() -> None:
    story = good().state(2, ROOM, {"s1": "A", "s2": "B"}, [("s1", "A", "B", "t")])
    assert LogTellsEveryChange().judge(story.told()).met, "while a move runs the views may show either owner"
    assert LogEndsWithOwners().judge(story.told()).outcome is Outcome.VIOLATED


def test_a_row_that_hides_where_the_stream_came_from() -> None:
    story = good().state(2, ROOM, {"s1": "B", "s2": "B"}, [("s1", None, "B", "t")])
    assert LogTellsEveryChange().judge(story.told()).outcome is Outcome.VIOLATED


def test_a_stream_that_left_the_catalogue_and_came_back_comes_from_nobody() -> None:
    story = good().state(2, ROOM, {"s2": "B"}).state(3, ROOM, {"s1": "B", "s2": "B"}, [("s1", None, "B", "t")])
    assert LogTellsEveryChange().judge(story.told()).met


def test_far_from_its_share() -> None:
    room = {"A": 20, "B": 20}
    owners: dict[str, str | None] = {f"s{i}": "A" if i < 10 else "B" for i in range(20)}
    assert NearShare().judge(Story().state(1, room, owners).told()).met
    assert NearShare().judge(Story().state(1, room, owners | {"s10": "A", "s11": "A"}).told()).met, "2 streams, 20 points"
    assert NearShare().judge(Story().state(1, room, owners | {"s10": "A", "s11": "A", "s12": "A"}).told()).outcome is Outcome.VIOLATED


def test_a_gap_of_more_than_20_points_between_large_ones() -> None:
    owners: dict[str, str | None] = {f"s{i}": "A" if i < 4 else "B" for i in range(23)}
    assert NearShare().judge(Story().state(1, {"A": 10, "B": 100}, owners).told()).outcome is Outcome.VIOLATED
    assert NearShare().judge(Story().state(1, {"A": 10, "B": 100}, owners | {"s23": "B"}).told()).met


def test_no_breach_seen_by_a_blind_observer_is_no_promise_kept() -> None:
    story = good().until(10)
    assert OneOwner().judge(story.told()).met
    assert OneOwner().judge(story.blind(3, 7).told()).outcome is Outcome.COULD_NOT_JUDGE


def test_a_queued_stream_that_is_still_read() -> None:
    assert ReadByOwner().judge(good().state(2, ROOM, {"s1": "A", "s2": None}).told()).outcome is Outcome.VIOLATED


def test_a_log_that_was_rewritten() -> None:
    story = good().at(2, "database", asked=2 * SECOND, instances=[], assignments=[], log=[], rewritten=[3])
    assert LogTellsEveryChange().judge(story.told()).outcome is Outcome.VIOLATED


def test_what_a_returned_instance_is_given_is_a_planned_move_again() -> None:
    story = good().fault("cut off", "B", called=2, healed=10).reads("B", "s1", since=12)  # A has not stopped
    assert OneReader().judge(story.until(13).told()).outcome is Outcome.VIOLATED


def test_one_that_lost_its_connection_while_it_was_away_may_read_on_too() -> None:
    story = good().fault("cut off", "A", called=2, healed=10).at(3, "read-stopped", stream="s1", reader="A", how="closed")
    story.reads("A", "s1", since=3.2).reads("B", "s1", since=8).at(11, "read-stopped", stream="s1", reader="A", how="acknowledged")
    assert OneReader().judge(story.told()).met


def test_nobody_reads_more_than_it_has_room_for() -> None:
    story = good().reads("A", "s3", "s4", since=2)
    assert WithinRoom().judge(story.until(2.5).told()).met, "a stop may follow at once"
    assert WithinRoom().judge(story.until(4).told()).outcome is Outcome.VIOLATED
    assert WithinRoom().judge(story.at(2.3, "stop-requested", stream="s1", reader="A").told()).met


def test_one_that_was_away_may_read_what_it_had_beside_what_it_gets() -> None:
    story = good().fault("cut off", "A", called=2, healed=3).reads("A", "s3", "s4", since=4)
    assert WithinRoom().judge(story.until(8).told()).met


def test_nobody_pauses_in_reading() -> None:
    paused = good().at(2, "read-stopped", stream="s1", reader="A", how="closed").reads("A", "s1", since=4)
    assert WithoutPause().judge(paused.told()).outcome is Outcome.VIOLATED
    moment = good().at(2, "read-stopped", stream="s1", reader="A", how="closed").reads("A", "s1", since=2.4)
    assert WithoutPause().judge(moment.told()).met
    asked = good().at(1.9, "stop-requested", stream="s1", reader="A").at(2, "read-stopped", stream="s1", reader="A", how="acknowledged")
    asked.at(2, "stop-acknowledged", stream="s1", reader="A").reads("A", "s1", since=4)
    assert WithoutPause().judge(asked.told()).met
    away = good().fault("cut off", "A", called=2, healed=3).at(2.1, "read-stopped", stream="s1", reader="A", how="closed").reads("A", "s1", since=4)
    assert WithoutPause().judge(away.told()).met


def test_counters_of_those_that_are_gone_count_too() -> None:
    story = good().state(2, {"A": 2, "B": 2}, {"s1": "A", "s2": "A"}, [("s2", "B", "A", "t")], counters={"A": 2, "B": 1})
    assert CountersEqualRows().judge(story.told()).outcome is Outcome.VIOLATED


def test_the_api_and_the_database_know_the_same_instances() -> None:
    story = good().state(2, {"A": 2}, {"s1": "A", "s2": "A"}, [("s2", "B", "A", "t")], by="database")
    story.state(2, ROOM, {"s1": "A", "s2": "A"}, by="api")
    verdict = CountersEqualRows().judge(story.told())
    assert '"B" is not active by the database and active with room for 2 by the API' in verdict.seen


def test_that_a_stream_is_queued_is_logged() -> None:
    story = good().state(2, ROOM, {"s1": "A", "s2": "A"}, [("s2", "B", "A", "t1")])
    assert LogEndsWithOwners().judge(story.state(3, ROOM, {"s1": "A", "s2": None}).told()).outcome is Outcome.VIOLATED


def test_streams_of_a_lost_instance_may_be_given_before_it_is_marked() -> None:
    story = Story().state(1, {"A": 4, "B": 4}, {"s1": "A", "s2": "B"})
    story.state(2, {"A": 4, "B": 4}, {"s1": "A", "s2": "A"}, [("s2", "B", "A", "t1")], trigger="disconnect")
    assert FewestMoves().judge(story.told()).outcome is Outcome.VIOLATED
    assert FewestMoves().judge(story.state(2.2, {"A": 4}, {"s1": "A", "s2": "A"}).told()).met


def test_streams_are_not_moved_from_one_that_a_fault_of_ours_keeps_away() -> None:
    story = Story().state(1, {"A": 4, "B": 4}, {"s1": "A", "s2": "B"}).fault("killed", "B", called=1.5)
    story.state(2, {"A": 4, "B": 4}, {"s1": "A", "s2": "A"}, [("s2", "B", "A", "t1")], trigger="disconnect")
    assert FewestMoves().judge(story.told()).met
