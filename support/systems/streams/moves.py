"""Moves, as the append-only assignment log tells them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from support.evidence.history import SECOND, History
from support.systems.streams.balance import smallest_number_of_moves
from support.systems.streams.timeline import LogRow, Snapshot, absences, rows_of, snapshot_of

LOSSES = {"leave", "disconnect", "heartbeat"}
MARKED_WITHIN = SECOND  # ns; an instance may be marked inactive after its streams were given to others


@dataclass(frozen=True)
class Move:
    """An occasion took a stream from ``source``, and gave it to ``target`` (None: to nobody, it was queued)."""

    stream: str
    source: str
    target: str | None
    seen: int


def moves(rows: Iterable[LogRow]) -> list[Move]:
    """What the rows amount to, in their order. A → nobody → B in rows of one occasion is one move, A → B → A are two.

    A stream that one occasion queued and a later one placed was not moved by the later one.
    """
    found: list[Move] = []
    taken: dict[tuple[str, str], LogRow] = {}  # (stream, occasion) → the row by which it lost its owner
    for row in rows:
        key = (row.stream, row.trigger_id)
        if row.target is None:
            if row.source is not None:
                taken[key] = row
            continue
        before = taken.pop(key, row)
        source = row.source or before.source
        if source is not None and source != row.target:
            found.append(Move(row.stream, source, row.target, row.seen))
    found += [Move(row.stream, row.source or "", None, row.seen) for row in taken.values()]
    return sorted(found, key=lambda move: move.seen)


@dataclass
class Stretch:
    """The rows of one occasion, as long as membership, capacities and catalogue stayed the same: what one target is set for."""

    trigger: str
    trigger_id: str
    owners: dict[str, str | None]  # stream → owner before
    around: tuple[Snapshot, ...]   # just before and just after its first rows were written
    rows: list[LogRow] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)  # instances whose loss it is, although they were marked only afterwards

    @property
    def moved(self) -> int:
        """How many streams were taken from owners that live on (a stream that left the catalogue was not taken from anybody)."""
        last = self.around[-1]
        known, living = set(last.streams), last.capacities.keys() - self.gone
        return sum(1 for move in moves(self.rows) if move.source in living and move.stream in known)

    @property
    def needed(self) -> int:
        """The smallest number of moves to a target."""
        return max(self._needed(state) for state in self.around)

    def _needed(self, state: Snapshot) -> int:
        if not state.capacities:
            return 0
        known = set(state.streams)
        counts = Counter(owner for stream, owner in self.owners.items() if owner in state.capacities and stream in known)
        return smallest_number_of_moves(counts, len(known), state.capacities)


def stretches(history: History) -> list[Stretch]:
    """The whole log, cut by occasion and at every change of the fleet or the catalogue."""
    found: dict[tuple[str, int], Stretch] = {}
    number, kept_away = 0, absences(history)
    for before, event in pairwise(history.of("database")):  # what the first look found was done before anybody watched
        previous, after = snapshot_of(before), snapshot_of(event)
        number += _ground(previous) != _ground(after)
        owners = dict(previous.owners)
        lost = previous.capacities.keys() - after.capacities.keys()
        for stretch in found.values() if lost else ():
            if stretch.trigger in LOSSES and after.t - stretch.rows[-1].seen < MARKED_WITHIN:
                stretch.gone |= lost
        for row in rows_of(event):
            key = (row.trigger_id, number)
            if key not in found:
                away = {a.instance for a in kept_away if a.start <= event.t <= a.end} if row.trigger in LOSSES else set()
                found[key] = Stretch(row.trigger, row.trigger_id, dict(owners), (previous, after), gone=away)
            found[key].rows.append(row)
            owners[row.stream] = row.target
    return list(found.values())


def _ground(state: Snapshot) -> tuple[dict[str, int], set[str]]:
    """What a target depends on."""
    return state.capacities, set(state.streams)
