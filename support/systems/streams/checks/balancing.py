"""Whether streams move when they should, and only then; and how far the balance is from fair (R1.3, R1.4)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from support.evidence.check import Check
from support.evidence.history import SECOND, History
from support.evidence.verdict import Verdict, Window
from support.outcomes import Outcome
from support.systems.streams.balance import largest_deviation, load_gap, shares
from support.systems.streams.checks.common import QUIET, all_read, decide, unless_blind
from support.systems.streams.moves import moves
from support.systems.streams.timeline import Snapshot, assignment_log, catalogues, readers_now, readings, snapshots, state


@dataclass(frozen=True)
class NothingMoves(Check):
    """No stream changes its owner or its reader from ``since`` until ``until`` (both monotonic ns)."""

    since: int
    until: int

    @unless_blind(Outcome.MET)
    def judge(self, history: History, *, final: bool = False) -> Verdict:
        before: dict[str, str] = {}
        moved = self._changes_of_owner(history)
        for reading in readings(history):
            if reading.start > self.since and before.get(reading.stream, reading.reader) != reading.reader:
                moved[reading.stream] = f'{reading.stream} is read by "{reading.reader}" instead of "{before[reading.stream]}"'
            before[reading.stream] = reading.reader
        wanted = catalogues(history).current()
        for row in assignment_log(history):  # a stream that was queued, or has left the catalogue, had no owner to keep
            if row.seen > self.since and row.source and row.source != row.target and row.stream in wanted:
                moved.setdefault(row.stream, f"{row.stream} was reassigned from {row.source} to {row.target} ({row.trigger})")
        watched = (min(history.now, self.until) - self.since) / SECOND
        now = state(history)
        complete = history.now >= self.until and now is not None and now.t > self.since
        outcome = Outcome.VIOLATED if moved else Outcome.MET if complete else Outcome.COULD_NOT_JUDGE if final else None
        return Verdict(
            outcome=outcome,
            promise="no stream changes its owner",
            seen="; ".join(sorted(moved.values())[:3]) or f"no move in {watched:.1f} s",
            value=float(len(moved)),
            limit=0.0,
            unit="moves",
            samples=len(before),
            window=Window(self.since, history.now),
            suspects=tuple(sorted(moved)),
            details={"watched_s": round(watched, 2)},
        )

    def _changes_of_owner(self, history: History) -> dict[str, str]:
        """Stream → what the database or the API told, for each that had an owner and got another one, or none, meanwhile."""
        moved: dict[str, str] = {}
        wanted = catalogues(history).current()
        for by in ("database", "api"):
            first: dict[str, str | None] | None = None
            for snapshot in snapshots(history, by):
                if first is None or snapshot.asked <= self.since:
                    first = dict(snapshot.owners)
                    continue
                for stream, owner in snapshot.owners:
                    if stream in wanted and first.get(stream) not in (None, owner):
                        moved.setdefault(stream, f"{stream} belonged to {owner or 'nobody'} instead of {first[stream]} ({by})")
        return moved


@dataclass(frozen=True)
class MovesExactly(Check):
    """Exactly ``moves`` streams change from ``source`` to ``target``, and no other moves, within ``limit`` seconds from ``since`` (R1.3)."""

    moves: int
    source: str
    target: str
    since: int
    limit: float

    @unless_blind(Outcome.VIOLATED)
    def judge(self, history: History, *, final: bool = False) -> Verdict:
        rows = [m for m in moves(assignment_log(history)) if m.seen > self.since and m.stream in catalogues(history).current()]
        wanted = [r for r in rows if (r.source, r.target) == (self.source, self.target)]
        read = readers_now(history)
        arrived = [r for r in wanted if read.get(r.stream) == {self.target}]
        met = len(rows) == len(wanted) == len(arrived) == self.moves and history.now - wanted[-1].seen >= QUIET
        too_many = len(rows) > self.moves
        outcome = Outcome.VIOLATED if too_many else decide(history, self.since + round(self.limit * SECOND), final, met)
        return Verdict(
            outcome=outcome,
            promise=f'{self.moves} stream moves from "{self.source}" to "{self.target}" within {self.limit:g} s',
            seen=", ".join(f"{r.stream}: {r.source} → {r.target}" for r in rows[:5]) or "no stream moved",
            value=float(len(rows)),
            limit=float(self.moves),
            unit="moves",
            better="equal",
            samples=len(read),
            window=Window(self.since, history.now),
        )


@dataclass(frozen=True)
class Balanced(Check):
    """At rest no gap between load factors is above ``gap`` points and nobody is further than ``tolerance`` from its share (R1.3, R1.4).

    Within ``limit`` seconds from ``since``. ``value`` is the gap, or the largest distance where no gap is asked for.
    """

    since: int
    limit: float
    gap: int | None = None
    tolerance: int | None = None

    @unless_blind(Outcome.VIOLATED)
    def judge(self, history: History, *, final: bool = False) -> Verdict:
        now = state(history)
        deadline = self.since + round(self.limit * SECOND)
        promise = (f"the load gap is at most {self.gap} points" if self.gap is not None
                   else f"every instance is within {self.tolerance} streams of its fair share")
        if now is None or now.asked < self.since:
            unseen = Outcome.COULD_NOT_JUDGE if decide(history, deadline, final, False) else None
            return Verdict(unseen, promise, "no state seen since", window=Window(self.since, history.now))
        gap, deviation = distances(now)
        met = (self.gap is None or gap <= self.gap) and (self.tolerance is None or deviation <= self.tolerance) and all_read(history, now)
        value, limit, unit = (gap, self.gap, "points") if self.gap is not None else (deviation, self.tolerance, "streams")
        return Verdict(
            outcome=decide(history, deadline, final, met),
            promise=promise,
            seen=f"gap {float(gap):.1f} points, largest distance {float(deviation):.2f} streams",
            value=round(float(value), 4),
            limit=float(limit) if limit is not None else None,
            unit=unit,
            samples=len(now.capacities),
            window=Window(self.since, history.now),
            details=per_instance(now),
        )


def distances(snapshot: Snapshot) -> tuple[Fraction, Fraction]:
    """The load gap in points and the largest distance from a fair share in streams."""
    counts, capacities = snapshot.counts, snapshot.capacities
    return load_gap(counts, capacities), largest_deviation(counts, len(snapshot.owners), capacities)


def per_instance(snapshot: Snapshot) -> dict[str, Any]:
    """Instance -> assigned, fair share, capacity: what the balance picture is drawn from."""
    fair = shares(len(snapshot.owners), snapshot.capacities)
    return {"instances": {name: {"assigned": snapshot.counts[name], "share": round(float(share), 3), "capacity": snapshot.capacities[name]}
                          for name, share in fair.items()}}
