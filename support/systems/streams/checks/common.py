"""What the checkers of this system share. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from support.evidence.history import SECOND, History
from support.outcomes import Outcome
from support.systems.streams.timeline import FOREVER, Snapshot, absences, readers_now

QUIET = SECOND * 3 // 10  # ns; a state counts once it has stood this long


def decide(history: History, deadline: int, final: bool, met: bool) -> Outcome | None:
    """Met at once; violated when the record reaches past the deadline (ns) without it; open before."""
    if met:
        return Outcome.MET
    return Outcome.VIOLATED if final or history.now > deadline else None


def instances(names: Iterable[str]) -> str:
    """Names as a sentence has them."""
    return " and ".join(f'"{name}"' for name in sorted(names))


def all_read(history: History, snapshot: Snapshot) -> bool:
    """Whether every assigned stream is read by its owner, and (absent instances aside) by nobody else."""
    read = readers_now(history)
    away = {a.instance for a in absences(history) if a.end == FOREVER}
    return all(read.get(stream, set()) - away == {owner} for stream, owner in snapshot.owners if owner is not None)
