"""What the checkers of this system share. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from functools import wraps
from itertools import pairwise
from typing import Any

from support.evidence.history import SECOND, History
from support.evidence.verdict import Verdict
from support.outcomes import Outcome
from support.systems.streams.timeline import Snapshot, kept_away, readers_now

QUIET = SECOND // 5       # ns; a state counts once it has stood this long
BLIND = SECOND * 2       # ns; an observer that gave no sign of life for longer may have missed something


def decide(history: History, deadline: int, final: bool, met: bool) -> Outcome | None:
    """Met at once; violated when the record reaches past the deadline (ns) without it; open before. A record that ends too early proves nothing."""
    if met:
        return Outcome.MET
    if history.now > deadline:
        return Outcome.VIOLATED
    return Outcome.COULD_NOT_JUDGE if final else None


def instances(names: Iterable[str]) -> str:
    """Names as a sentence has them."""
    return " and ".join(f'"{name}"' for name in sorted(names))


def all_read(history: History, snapshot: Snapshot) -> bool:
    """Whether every assigned stream is read by its owner, and (absent instances aside) by nobody else; queued ones by nobody."""
    read = readers_now(history)
    away = kept_away(history)
    return all(read.get(stream, set()) - away == ({owner} if owner is not None else set()) for stream, owner in snapshot.owners)


def unless_blind(outcome: Outcome) -> Callable[[Callable[..., Verdict]], Callable[..., Verdict]]:
    """Decorates ``judge`` where this outcome rests on not having seen something: it could not be judged while the observer was blind.

    The observer's ticks prove that it lived. A history without any was not made by an observer (or not for long enough to matter).
    """
    def decorate(judge: Callable[..., Verdict]) -> Callable[..., Verdict]:
        @wraps(judge)
        def judged(check: Any, history: History, *, final: bool = False) -> Verdict:
            verdict = judge(check, history, final=final)
            if verdict.outcome is not outcome or verdict.window is None:
                return verdict
            blind = longest_silence(history, verdict.window.start, verdict.window.end)
            if blind <= BLIND:
                return verdict
            seen = f"the observer gave no sign of life for {blind / SECOND:.1f} s; {verdict.seen}"
            return dataclasses.replace(verdict, outcome=Outcome.COULD_NOT_JUDGE, seen=seen)
        return judged
    return decorate


def longest_silence(history: History, start: int, end: int) -> int:
    """Between two ticks of the observer that enclose part of [start, end] (all ns). What follows its last tick is after its end."""
    ticks = [event.t for event in history.of("tick")]
    return max((min(after, end) - max(before, start) for before, after in pairwise(ticks)), default=0)
