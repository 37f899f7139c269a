"""The arithmetic of fair shares, against brute force and the numbers of the criteria."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from support.systems.streams.balance import floor, largest_deviation, load_gap, placed_total, shares, smallest_number_of_moves

fleets = st.dictionaries(st.sampled_from("ABCD"), st.integers(1, 8), min_size=1)


def test_the_gap_boundary_of_the_criteria_is_exact() -> None:
    capacities = {"A": 10, "B": 100}
    assert load_gap({"A": 4, "B": 20}, capacities) == 20
    assert load_gap({"A": 4, "B": 19}, capacities) == 21
    assert round(float(largest_deviation({"A": 4, "B": 20}, 24, capacities)), 2) == 1.82
    assert round(float(largest_deviation({"A": 4, "B": 19}, 23, capacities)), 2) == 1.91


def test_a_gap_that_floats_would_get_wrong() -> None:
    assert load_gap({"A": 16, "B": 12}, {"A": 20, "B": 20}) == Fraction(20)


@given(fleets, st.integers(0, 40))
def test_shares_add_up_to_what_can_be_placed(capacities: dict[str, int], streams: int) -> None:
    fair = shares(streams, capacities)
    assert sum(fair.values()) == placed_total(streams, capacities)
    assert all(share <= capacities[name] for name, share in fair.items())


@given(fleets, st.integers(0, 20), st.data())
def test_the_smallest_number_of_moves_is_that_of_brute_force(capacities: dict[str, int], streams: int, data: st.DataObject) -> None:
    before = {name: data.draw(st.integers(0, 10)) for name in capacities}
    fair = shares(streams, capacities)
    choices = [sorted({floor(fair[name]), ceil(fair[name])}) for name in capacities]
    targets = [t for t in product(*choices) if sum(t) == placed_total(streams, capacities)]
    expected = min(sum(max(0, before[name] - t) for name, t in zip(capacities, target, strict=True)) for target in targets)
    assert smallest_number_of_moves(before, streams, capacities) == expected
