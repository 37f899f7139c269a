"""What the append-only assignment log must tell, and what it tells about moves: pure checkers for systems that have the views."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from support.evidence.history import History
from support.systems.streams.checks.promises import Promise
from support.systems.streams.moves import moves, stretches
from support.systems.streams.timeline import LogRow, assignment_log, rows_of, snapshot_of

TRIGGERS = {"registration", "leave", "disconnect", "heartbeat", "imbalance", "catalogue", "manual", "recovery"}  # contract: assignment_log


@dataclass(frozen=True)
class FewestMoves(Promise):
    """No occasion moves more streams between living owners than the smallest number that reaches a target.

    Moves are counted in the append-only log and grouped by what triggered them, so that a stream that went there and back
    counts twice, and one that was placed badly and then moved counts, too.
    """

    title = "a rebalance moves no more streams than needed"

    def observations(self, history: History) -> int:
        return len(assignment_log(history)) or len(history.of("database-same"))

    def breaches(self, history: History) -> Iterator[str]:
        for stretch in stretches(history):
            if stretch.moved > stretch.needed:
                yield f"{stretch.moved} moves where {stretch.needed} were needed ({stretch.trigger}, occasion {stretch.trigger_id})"


@dataclass(frozen=True)
class LogTellsEveryChange(Promise):
    """Whoever is seen to own a stream is named by a row of the log, each row takes a stream from the one that had it, and no row changes or goes.

    While a move runs the views may show either owner: when they do is not judged here. What was queued may be told from
    nobody or from its last owner.
    """

    title = "the assignment log tells every change of owner"

    def observations(self, history: History) -> int:
        return len(history.of("database", "database-same"))

    def breaches(self, history: History) -> Iterator[str]:
        named = {(row.stream, row.target) for row in assignment_log(history)}
        owners: dict[str, str] = {}  # the last owner by the log
        queued: set[str] = set()
        for number, event in enumerate(history.of("database")):
            for seq in event.data.get("rewritten", ()):
                yield f"row {seq} of the log was changed or removed"
            for row in rows_of(event):
                if row.trigger not in TRIGGERS:
                    yield f'row {row.seq} of the log has the trigger "{row.trigger}", which the contract does not know'
                if number and row.source != owners.get(row.stream) and not (row.source is None and row.stream in queued):
                    yield _untrue(row, owners)
                _follow(row, owners, queued)
            found = dict(snapshot_of(event).owners)
            if not number:  # what the first look found needs no row that we have seen
                owners = {stream: owner for stream, owner in found.items() if owner is not None}
                named |= set(owners.items())
            queued |= {stream for stream, owner in found.items() if owner is None}
            for stream, owner in found.items():
                if owner is not None and (stream, owner) not in named:
                    yield f"{stream} belongs to {owner} and no row of the log gave it to {owner}"
            for stream in owners.keys() - found.keys():
                del owners[stream]


def _follow(row: LogRow, owners: dict[str, str], queued: set[str]) -> None:
    if row.target is None:
        queued.add(row.stream)
    else:
        owners[row.stream] = row.target
        queued.discard(row.stream)


def _untrue(row: LogRow, owners: dict[str, str]) -> str:
    return f"{row.stream} went from {row.source or 'nobody'} to {row.target or 'nobody'} by the log, and was {owners.get(row.stream, 'nobody')}'s"


@dataclass(frozen=True)
class SecondRebalanceMovesNothing(Promise):
    """A rebalance directly after a rebalance moves nothing. ``answers`` are what the system said to the second; the log tells whether it is true."""

    since: int = 0
    answers: list[int] = field(default_factory=list)
    title = "a second rebalance directly after a first moves nothing"

    def observations(self, history: History) -> int:
        return len(self.answers)

    def breaches(self, history: History) -> Iterator[str]:
        for said in self.answers:
            if said:
                yield f"the second rebalance said that it moved {said} streams"
        for move in moves(assignment_log(history)):
            if move.seen > self.since:
                yield f"{move.stream} moved from {move.source} to {move.target or 'nobody'} by the second rebalance"


FROM_THE_LOG: list[type[Promise]] = [LogTellsEveryChange, FewestMoves]
