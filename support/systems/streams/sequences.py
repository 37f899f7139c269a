"""Random sequences of joins, leaves, added and removed streams; and how a failing one is made short (R1.4)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

MOST_WORKERS = 8
MOST_STREAMS = 90
ROOMS = (10, 20, 40, 100)
SHORTEN_WITHIN = 60.0  # seconds


@dataclass(frozen=True)
class Change:
    """``number`` chooses the room of a joiner, who leaves, how many streams are added, which are removed.

    It is resolved against what is there when the change is made, so that any part of a sequence is a sequence, too.
    """

    kind: str  # join, leave, add, remove
    number: int

    def __str__(self) -> str:
        return f"{self.kind}({self.number})"


class Rig(Protocol):
    """What a sequence is played on."""

    def reset(self) -> None: ...
    def possible(self, change: Change) -> bool: ...
    def make(self, change: Change) -> None: ...

    def distance(self, patience: float) -> Fraction:
        """The largest distance from a fair share, once it is within the tolerance or ``patience`` seconds are over."""
        ...


def random_changes(source: random.Random, length: int) -> list[Change]:
    """``length`` changes of which each kind makes up at least 20 %, in random order, never more leaves than joins so far."""
    part = length // 5
    kinds = [kind for kind in ("join", "leave", "add", "remove") for _ in range(part)]
    kinds += source.choices(["add", "remove"], k=length - len(kinds))
    source.shuffle(kinds)
    return [Change(kind, source.randrange(1_000)) for kind in _playable(kinds)]


def _playable(kinds: list[str]) -> list[str]:
    """The same kinds, in an order in which each is possible: what is not is put off until it is."""
    played: list[str] = []
    workers, streams = 1, 0
    waiting = list(kinds)
    while waiting:
        possible = {
            "join": workers < MOST_WORKERS, "leave": workers > 1, "add": streams < MOST_STREAMS - 5, "remove": streams > 5,
        }
        chosen = next((k for k in waiting if possible[k]), waiting[0])
        waiting.remove(chosen)
        played.append(chosen)
        workers += {"join": 1, "leave": -1}.get(chosen, 0)
        streams += {"add": 3, "remove": -3}.get(chosen, 0)
    return played


def play(rig: Rig, changes: Sequence[Change], tolerance: int, patience: float) -> int | None:
    """Make the changes one by one; the index of the first after which the distance stays above the tolerance, or None."""
    for index, change in enumerate(changes):
        if rig.possible(change):
            rig.make(change)
            if rig.distance(patience) > tolerance:
                return index
    return None


def shorten(fails: Callable[[Sequence[Change]], bool], failing: Sequence[Change], within: float = SHORTEN_WITHIN) -> list[Change]:
    """A short part of a failing sequence that still fails: ever smaller pieces are left out, until time is over."""
    deadline = time.monotonic() + within
    shortest = list(failing)
    piece = max(1, len(shortest) // 2)
    while piece:
        start, shortened = 0, False
        while start < len(shortest) and time.monotonic() < deadline:
            candidate = shortest[:start] + shortest[start + piece:]
            if candidate and fails(candidate):
                shortest, shortened = candidate, True
            else:
                start += piece
        if time.monotonic() >= deadline:
            break
        piece = piece // 2 if not shortened or piece > 1 else piece
    return shortest
