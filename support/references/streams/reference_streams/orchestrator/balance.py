"""The arithmetic of a fair spread, in exact fractions. Pure: counts and capacities in, counts out.

``assigned`` and ``capacities`` map the ids of the active instances to how many streams they have, and can have.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

GREATEST_GAP = Fraction(20, 100)   # between the highest and the lowest load factor
GREATEST_DISTANCE = 2              # streams away from the fair share


def placed(streams: int, capacities: Mapping[str, int]) -> int:
    """How many of so many streams fit."""
    return min(streams, sum(capacities.values()))


def shares(streams: int, capacities: Mapping[str, int]) -> dict[str, Fraction]:
    """Each instance's fair share of what fits."""
    room = sum(capacities.values())
    return {i: Fraction(placed(streams, capacities) * capacity, room) for i, capacity in capacities.items()}


def tie_break(instance_id: str) -> str:
    """The order among instances that have an equal claim."""
    return instance_id


def target(assigned: Mapping[str, int], capacities: Mapping[str, int], streams: int) -> dict[str, int]:
    """Counts that add up to what fits, each the share rounded down or up, reachable with the smallest number of moves.

    Rounding up where an instance has more than its share rounded down saves a move; everywhere else it does not matter.
    A share never exceeds the capacity, nor (capacities being whole) does a share rounded up.
    """
    fair = shares(streams, capacities)
    counts = {i: int(share) for i, share in fair.items()}
    fractional = [i for i in counts if fair[i] != counts[i]]
    fractional.sort(key=lambda i: (assigned.get(i, 0) <= counts[i], -fair[i] % 1, tie_break(i)))
    for i in fractional[:placed(streams, capacities) - sum(counts.values())]:
        counts[i] += 1
    return counts


def gap(assigned: Mapping[str, int], capacities: Mapping[str, int]) -> Fraction:
    """Between the highest and the lowest load factor; nothing where nobody is."""
    factors = [Fraction(assigned.get(i, 0), capacity) for i, capacity in capacities.items()]
    return max(factors) - min(factors) if factors else Fraction(0)


def distance(assigned: Mapping[str, int], capacities: Mapping[str, int]) -> Fraction:
    """How far the instance that is furthest away from its share is away from it (in streams)."""
    fair = shares(sum(assigned.values()), capacities)
    return max((abs(assigned.get(i, 0) - share) for i, share in fair.items()), default=Fraction(0))


def level(assigned: Mapping[str, int], capacities: Mapping[str, int]) -> bool:
    """Whether the spread can stay as it is."""
    return gap(assigned, capacities) <= GREATEST_GAP and distance(assigned, capacities) <= GREATEST_DISTANCE
