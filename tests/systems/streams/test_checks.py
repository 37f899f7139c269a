"""The checkers of requirement 1 against histories of known truth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.evidence.check import Check, check_from_dict
from support.evidence.history import SECOND
from support.outcomes import Outcome
from support.systems.streams.checks import Balanced, Hold, MovesExactly, NothingMoves, Queued, ReadOnce, Reads, TakenOver
from tests.systems.streams.histories import Story

LOST = {"s1": "B", "s2": "B"}
ROOM = {"A": 10, "B": 10, "C": 10}


def killed_b() -> Story:
    story = Story().catalogue(0, 1, ["s1", "s2", "s3"]).state(0.5, ROOM, {"s1": "B", "s2": "B", "s3": "A"})
    return story.reads("B", "s1", "s2", since=0.6, until=10.001, how="closed").reads("A", "s3", since=0.6).fault("killed", "B", called=10)


def test_taken_over_measures_the_last_stream_from_the_call_of_the_fault() -> None:
    history = killed_b().reads("A", "s1", since=15.0).reads("C", "s2", since=16.5).until(17).told()
    verdict = TakenOver(LOST, 10 * SECOND, 60).judge(history)
    assert verdict.outcome is Outcome.MET
    assert verdict.value == pytest.approx(6.5)
    assert verdict.distribution == {"s1": 5.0, "s2": 6.5}


def test_taken_over_is_open_until_its_limit_and_then_violated() -> None:
    story = killed_b().reads("A", "s1", since=15.0)
    assert TakenOver(LOST, 10 * SECOND, 60).judge(story.until(69).told()).open
    verdict = TakenOver(LOST, 10 * SECOND, 60).judge(story.until(71).told())
    assert verdict.outcome is Outcome.VIOLATED
    assert verdict.suspects == ("s2",)
    assert verdict.value is not None and verdict.value >= 60


def test_one_that_takes_over_too_late_is_a_violation() -> None:
    history = killed_b().reads("A", "s1", since=15.0).reads("A", "s2", since=70.5).until(71).told()
    assert TakenOver(LOST, 10 * SECOND, 60).judge(history).outcome is Outcome.VIOLATED


def test_an_observer_that_ran_late_cannot_judge() -> None:
    history = killed_b().reads("A", "s1", "s2", since=15.0).at(12, "tick", slip=3 * SECOND).until(17).told()
    assert TakenOver(LOST, 10 * SECOND, 60).judge(history).outcome is Outcome.COULD_NOT_JUDGE


def test_reads_wants_the_share_to_be_kept_and_owned() -> None:
    story = Story().catalogue(0, 1, ["s1", "s2", "s3"]).state(1, ROOM, {"s1": "C", "s2": "C", "s3": "A"})
    story.reads("C", "s1", since=2).reads("C", "s2", since=3)
    check = Reads(["C"], 2, 2, 1 * SECOND, 60)
    assert check.judge(story.until(3.1).told()).open, "it must stand for a moment"
    verdict = check.judge(story.until(4).told())
    assert verdict.outcome is Outcome.MET
    assert verdict.value == pytest.approx(2.0)


def test_reads_is_violated_when_more_are_read_than_the_share() -> None:
    story = Story().catalogue(0, 1, ["s1", "s2"]).state(1, ROOM, {"s1": "C", "s2": "C"}).reads("C", "s1", "s2", since=2)
    assert Reads(["C"], 1, 1, 1 * SECOND, 60).judge(story.until(62).told()).outcome is Outcome.VIOLATED


def test_queued_counts_what_the_system_knows_to_wait() -> None:
    story = Story().state(12, ROOM, {"s1": None, "s2": "A", "s3": None})
    assert Queued(2, 10 * SECOND, 60).judge(story.told()).outcome is Outcome.MET
    assert Queued(3, 10 * SECOND, 60).judge(story.until(71).told()).outcome is Outcome.VIOLATED


def test_nothing_moves_must_watch_its_whole_time() -> None:
    story = killed_b()
    check = NothingMoves(10 * SECOND, 25 * SECOND)
    assert check.judge(story.until(20).told()).open
    assert check.judge(story.told(), final=True).outcome is Outcome.COULD_NOT_JUDGE
    assert check.judge(story.until(26).told()).outcome is Outcome.MET


def test_another_reader_or_a_row_in_the_log_is_a_move() -> None:
    check = NothingMoves(10 * SECOND, 25 * SECOND)
    assert check.judge(killed_b().reads("A", "s1", since=15).told()).outcome is Outcome.VIOLATED
    moved = killed_b().state(15, ROOM, {"s1": "A", "s2": "B", "s3": "A"}, [("s1", "B", "A", "t1")])
    assert check.judge(moved.told()).outcome is Outcome.VIOLATED


def test_one_reader_that_comes_back_to_its_own_stream_is_no_move() -> None:
    history = killed_b().reads("B", "s1", "s2", since=12).until(26).told()
    assert NothingMoves(10 * SECOND, 25 * SECOND).judge(history).outcome is Outcome.MET


@pytest.mark.parametrize(("moved", "outcome"), [([], None), (["s1"], Outcome.MET), (["s1", "s2"], Outcome.VIOLATED)])
def test_moves_exactly_one(moved: list[str], outcome: Outcome | None) -> None:
    story = killed_b()
    owners: dict[str, str | None] = {"s1": "B", "s2": "B", "s3": "A", **dict.fromkeys(moved, "A")}
    story.state(12, ROOM, owners, [(s, "B", "A", "t1") for s in moved])
    for stream in moved:
        story.reads("A", stream, since=12)
    assert MovesExactly(1, "B", "A", 10 * SECOND, 60).judge(story.until(13).told()).outcome is outcome


@given(st.integers(0, 10), st.integers(0, 10))
def test_balanced_judges_the_gap_exactly(a: int, b: int) -> None:
    owners: dict[str, str | None] = {f"a{i}": "A" for i in range(a)} | {f"b{i}": "B" for i in range(b)}
    story = Story().state(1, {"A": 10, "B": 10}, owners)
    for stream, owner in owners.items():
        story.reads(str(owner), stream, since=1)
    verdict = Balanced(0, 60, gap=20).judge(story.until(61).told())
    assert verdict.met == (abs(a - b) <= 2)
    assert verdict.value == 10 * abs(a - b)


def test_hold_wants_exact_counts() -> None:
    story = Story().reads("A", "s1", since=1).reads("B", "s2", "s3", since=1)
    assert Hold({"A": 1, "B": 2}, 0, 60).judge(story.until(2).told()).outcome is Outcome.MET
    assert Hold({"A": 2, "B": 2}, 0, 60).judge(story.until(61).told()).outcome is Outcome.VIOLATED


def test_read_once_wants_every_stream_of_the_catalogue_at_one_reader() -> None:
    story = killed_b().reads("A", "s1", since=15)
    assert ReadOnce(10 * SECOND, 60).judge(story.until(20).told()).open
    assert ReadOnce(10 * SECOND, 60).judge(story.until(71).told()).outcome is Outcome.VIOLATED
    story.reads("A", "s2", since=16).until(72)
    assert ReadOnce(10 * SECOND, 62).judge(story.told()).met
    story.reads("C", "s2", since=17)
    assert ReadOnce(10 * SECOND, 60).judge(story.told(), final=True).outcome is Outcome.VIOLATED


def test_read_once_waits_until_readers_stand_still() -> None:
    story = killed_b().reads("A", "s1", "s2", since=12).reads("C", "s2", since=11, until=13)
    assert ReadOnce(10 * SECOND, 60).judge(story.until(13.1).told()).open  # somebody has just stopped: a hand-over may be under way
    verdict = ReadOnce(10 * SECOND, 60).judge(story.until(13.3).told())
    assert verdict.met and verdict.value == 3.0


def test_read_once_wants_no_reader_of_a_stream_that_was_removed() -> None:
    story = killed_b().reads("A", "s1", "s2", since=12).reads("C", "s9", since=11)
    verdict = ReadOnce(10 * SECOND, 60).judge(story.until(71).told())
    assert verdict.outcome is Outcome.VIOLATED and "s9 (removed) by C" in verdict.seen


def test_a_check_survives_being_stored() -> None:
    history = killed_b().reads("A", "s1", since=15.0).reads("C", "s2", since=16.5).until(17).told()
    check = TakenOver(LOST, 10 * SECOND, 60)
    assert check_from_dict(check.to_dict()).judge(history, final=True) == check.judge(history, final=True)


def test_a_stream_that_left_the_catalogue_has_not_moved() -> None:
    story = killed_b().catalogue(12, 2, ["s2", "s3"]).state(15, ROOM, {"s2": "B", "s3": "A"}, [("s1", "B", None, "t1")])
    assert NothingMoves(10 * SECOND, 25 * SECOND).judge(story.until(26).told()).met


def test_what_a_blind_observer_did_not_see_is_not_held_against_the_system() -> None:
    story = killed_b().until(71)
    assert TakenOver(LOST, 10 * SECOND, 60).judge(story.told()).outcome is Outcome.VIOLATED
    assert TakenOver(LOST, 10 * SECOND, 60).judge(story.blind(20, 30).told()).outcome is Outcome.COULD_NOT_JUDGE


def test_a_record_that_ends_before_the_deadline_proves_nothing() -> None:
    assert TakenOver(LOST, 10 * SECOND, 60).judge(killed_b().until(30).told(), final=True).outcome is Outcome.COULD_NOT_JUDGE


def test_a_state_that_nobody_saw_is_not_judged() -> None:
    story = Story().until(71)
    for check in (Balanced(0, 60, gap=20), Queued(3, 0, 60)):
        assert check.judge(story.told()).outcome is Outcome.COULD_NOT_JUDGE
    assert NothingMoves(10 * SECOND, 25 * SECOND).judge(story.told(), final=True).outcome is Outcome.COULD_NOT_JUDGE


def test_owners_that_change_and_change_back_have_changed() -> None:
    story = killed_b().state(15, ROOM, {"s1": "A", "s2": "B", "s3": "A"}, by="api").state(16, ROOM, {"s1": "B", "s2": "B", "s3": "A"}, by="api")
    assert NothingMoves(10 * SECOND, 25 * SECOND).judge(story.until(26).told()).outcome is Outcome.VIOLATED


def test_a_move_in_two_rows_counts_once() -> None:
    story = killed_b().state(12, ROOM, {"s1": "A", "s2": "B", "s3": "A"}, [("s1", "B", None, "t1"), ("s1", None, "A", "t1")])
    assert MovesExactly(1, "B", "A", 10 * SECOND, 60).judge(story.reads("A", "s1", since=12).until(13).told()).met


def test_one_that_had_no_stream_loses_none() -> None:
    assert TakenOver({}, 10 * SECOND, 60).judge(killed_b().until(12).told()).outcome is Outcome.COULD_NOT_JUDGE


@pytest.mark.parametrize("check", [NothingMoves(10 * SECOND, 25 * SECOND), TakenOver(LOST, 10 * SECOND, 60), ReadOnce(10 * SECOND, 60)])
def test_a_verdict_is_the_same_from_what_was_known_when_it_was_given(check: Check) -> None:
    history = killed_b().until(80.5).told()
    verdict = check.judge(history)
    assert verdict.window is not None
    assert check.judge(history.between(0, verdict.window.end), final=True) == verdict
