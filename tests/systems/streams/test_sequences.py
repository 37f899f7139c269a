"""Random sequences: their mix, that a seed repeats them, how a failing one is made short, and how they are judged."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.evidence.check import check_from_dict
from support.outcomes import Outcome
from support.systems.streams.checks import WithinShareAfterEach
from support.systems.streams.sequences import Change, play, random_changes, shorten
from tests.systems.streams.histories import Story


@given(st.integers(0, 2**32), st.sampled_from([20, 40, 200]))
def test_each_kind_makes_up_at_least_15_percent(seed: int, length: int) -> None:
    changes = random_changes(random.Random(seed), length)
    kinds = Counter(change.kind for change in changes)
    assert len(changes) == length
    assert all(kinds[kind] >= 0.15 * length for kind in ("join", "leave", "add", "remove"))


def test_a_seed_repeats_its_sequence() -> None:
    assert random_changes(random.Random("7/x"), 200) == random_changes(random.Random("7/x"), 200)
    assert random_changes(random.Random("7/x"), 200) != random_changes(random.Random("8/x"), 200)


class Broken:
    """A rig that goes wrong after ``join`` followed, at any distance, by two leaves."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.made: list[str] = []

    def possible(self, change: Change) -> bool:
        return True

    def make(self, change: Change) -> None:
        self.made.append(change.kind)

    def distance(self, patience: float) -> Fraction:
        after_join = self.made[self.made.index("join") + 1:] if "join" in self.made else []
        return Fraction(5) if after_join.count("leave") >= 2 else Fraction(1)


def test_a_failing_sequence_is_made_short() -> None:
    rig = Broken()
    changes = random_changes(random.Random(3), 200)
    failed = play(rig, changes, 2, 1.0)
    assert failed is not None

    def fails(candidate: Sequence[Change]) -> bool:
        rig.reset()
        return play(rig, candidate, 2, 1.0) is not None

    assert [change.kind for change in shorten(fails, changes[:failed + 1])] == ["join", "leave", "leave"]


def test_shortening_stops_when_its_time_is_over() -> None:
    changes = random_changes(random.Random(3), 40)
    assert shorten(lambda candidate: True, changes, within=0.0) == changes


def sequence(*distances: int) -> Story:
    """A change of each kind in turn, each leaving A that far from its share of half of twenty."""
    story = Story()
    for number, distance in enumerate(distances):
        story.at(number, "change", kind=("join", "leave", "add", "remove")[number % 4], number=0, subject="x")
        owners: dict[str, str | None] = {f"s{i}": "A" if i < 10 + distance else "B" for i in range(20)}
        story.state(number + 0.5, {"A": 20, "B": 20}, owners)
    story.at(len(distances), "changes-ended", kind="end", subject="")
    return story.at(len(distances) + 1, "replayed-change", kind="join", number=0, subject="")


@pytest.mark.parametrize(("distances", "outcome", "value"), [
    ((0, 1, 2, 0), Outcome.MET, 2.0),
    ((0, 3, 0, 0), Outcome.VIOLATED, 3.0),
    ((0, 0, 0, 3), Outcome.VIOLATED, 3.0),
    ((0, 0), Outcome.COULD_NOT_JUDGE, 0.0),
])
def test_the_balance_is_judged_after_each_change(distances: tuple[int, ...], outcome: Outcome, value: float) -> None:
    check = WithinShareAfterEach(2, 60, 0)
    verdict = check.judge(sequence(*distances).told(), final=True)
    assert (verdict.outcome, verdict.value) == (outcome, value)
    assert check_from_dict(check.to_dict()) == check


def test_a_state_of_another_fleet_says_nothing_of_the_balance() -> None:
    story = sequence(0, 0, 0, 0).at(1.2, "change-made", workers=["A", "B", "C"], streams=20)
    verdict = WithinShareAfterEach(2, 60, 0).judge(story.told(), final=True)
    assert verdict.outcome is Outcome.VIOLATED
    assert "after change 2" in verdict.seen and verdict.value is None


def test_a_sequence_without_any_state_could_not_be_judged() -> None:
    story = Story()
    for number, kind in enumerate(("join", "leave", "add", "remove")):
        story.at(number, "change", kind=kind, number=0, subject="x")
    story.at(4, "changes-ended", kind="end", subject="")
    assert WithinShareAfterEach(2, 60, 0).judge(story.told(), final=True).outcome is Outcome.COULD_NOT_JUDGE
