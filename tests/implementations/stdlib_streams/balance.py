"""How many streams go where: arithmetic on counts alone, in whole numbers and fractions, so that every comparison is exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

TOLERATED_STREAMS = 2
TOLERATED_GAP = Fraction(1, 5)


class Scales:
    """The active instances and what lies on them.

    ``loads`` and ``capacities`` are streams by instance id, nobody above its capacity; ``streams`` is how many there are, queued
    ones included. The scales are stepped one stream at a time: ``place`` and ``moves`` change ``loads`` as they yield.
    """

    def __init__(self, loads: Mapping[str, int], capacities: Mapping[str, int], streams: int) -> None:
        self.loads = dict(loads)
        self.capacities = dict(capacities)
        self.total = sum(self.capacities.values())
        self.placed = min(streams, self.total)

    def excess(self, instance: str) -> int:
        """(load - share) x total capacity: ``-total`` or less is below the share rounded down, ``total`` or more above it rounded up."""
        return self.loads[instance] * self.total - self.placed * self.capacities[instance]

    def lacks(self, instance: str) -> bool:
        """Whether it has less than its share rounded down."""
        return self.excess(instance) <= -self.total

    def place(self) -> Iterator[str]:
        """Who gets the next queued stream, until all that fits is placed: always the one that lacks most."""
        for _ in range(self.placed - sum(self.loads.values())):
            receiver = self._emptiest()
            self.loads[receiver] += 1
            yield receiver

    def moves(self) -> Iterator[tuple[str, str]]:
        """(donor, receiver) from the fullest to the emptiest, as long as one of the two is not within its share rounded down or up.

        Everything that fits must have been placed. It is the smallest number of moves: whoever gives has more, and
        whoever takes has less, than in some target that needs the fewest.
        """
        while self.loads:
            donor, receiver = self._fullest(), self._emptiest()
            if self.excess(donor) < self.total and not self.lacks(receiver):
                return
            self.loads[donor] -= 1
            self.loads[receiver] += 1
            yield donor, receiver

    def tilted(self) -> bool:
        """Whether somebody is more than 2 streams off its share, or the load factors lie more than 20 points apart."""
        if not self.loads:
            return False
        factors = [Fraction(load, self.capacities[instance]) for instance, load in self.loads.items()]
        off = max(abs(self.excess(instance)) for instance in self.loads)
        return off > TOLERATED_STREAMS * self.total or max(factors) - min(factors) > TOLERATED_GAP

    def _fullest(self) -> str:
        return max(self.loads, key=lambda i: (self.excess(i), i))

    def _emptiest(self) -> str:
        return min(self.loads, key=lambda i: (self.excess(i), i))
