"""The arithmetic of fair shares, in exact fractions. Pure; knows nothing of any implementation's algorithm."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction


def placed_total(streams: int, capacities: Mapping[str, int]) -> int:
    """How many of the streams can be placed at all."""
    return min(streams, sum(capacities.values()))


def shares(streams: int, capacities: Mapping[str, int]) -> dict[str, Fraction]:
    """Each active instance's fair share of the streams that can be placed."""
    total = sum(capacities.values())
    placed = placed_total(streams, capacities)
    return {name: Fraction(placed * capacity, total) for name, capacity in capacities.items()}


def floor(share: Fraction) -> int:
    return share.numerator // share.denominator


def load_gap(assigned: Mapping[str, int], capacities: Mapping[str, int]) -> Fraction:
    """Highest minus lowest load factor, in percentage points; 0 with fewer than two instances."""
    factors = [Fraction(100 * assigned.get(name, 0), capacity) for name, capacity in capacities.items()]
    return max(factors) - min(factors) if len(factors) > 1 else Fraction(0)


def largest_deviation(assigned: Mapping[str, int], streams: int, capacities: Mapping[str, int]) -> Fraction:
    """The largest |assigned - fair share| over all active instances."""
    return max((abs(assigned.get(name, 0) - share) for name, share in shares(streams, capacities).items()), default=Fraction(0))


def smallest_number_of_moves(before: Mapping[str, int], streams: int, capacities: Mapping[str, int]) -> int:
    """min over targets t of Σ max(0, aᵢ − tᵢ), where a target gives each instance its share rounded down or up.

    ``before`` counts the streams of living owners only: placing the streams of a dead instance is not a move.
    The shares of ``r`` instances must be rounded up so that everything is placed; it is cheapest to round up where there is a surplus.
    """
    fair = shares(streams, capacities)
    to_round_up = placed_total(streams, capacities) - sum(floor(share) for share in fair.values())
    surplus = sum(max(0, before.get(name, 0) - floor(share)) for name, share in fair.items())
    can_keep_one_more = sum(1 for name, share in fair.items() if share.denominator > 1 and before.get(name, 0) > floor(share))
    return surplus - min(to_round_up, can_keep_one_more)
