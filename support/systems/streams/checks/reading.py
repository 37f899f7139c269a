"""Who reads how many streams, as the source saw it, and what waits (R1.1, R1.2, R1.5)."""

from __future__ import annotations

from dataclasses import dataclass

from support.evidence.check import Check
from support.evidence.history import SECOND, History
from support.evidence.verdict import Verdict, Window
from support.outcomes import Outcome
from support.systems.streams.checks.common import QUIET, decide, instances, unless_blind
from support.systems.streams.timeline import FOREVER, Reading, catalogues, kept_away, readings, state


@dataclass(frozen=True)
class Reads(Check):
    """Instances together come to read between ``low`` and ``high`` streams, and keep to it (R1.1, R1.2).

    What they read is what the source saw; it must also be what the system says that they own. ``value`` is the time from
    ``since`` until it was so.
    """

    instances: list[str]
    low: int
    high: int
    since: int
    limit: float

    @unless_blind(Outcome.VIOLATED)
    def judge(self, history: History, *, final: bool = False) -> Verdict:
        mine = [r for r in readings(history) if r.reader in self.instances]
        count = sum(1 for r in mine if r.end == FOREVER)
        entered = _last_entry(mine, self.low, self.high)
        now = state(history)
        owned = {s for name in self.instances for s in now.owned.get(name, ())} if now else set()
        agreed = owned == {r.stream for r in mine if r.end == FOREVER}
        stands = entered is not None and agreed and (final or history.now - max(entered, self.since) >= QUIET)
        seconds = (max(entered, self.since) - self.since) / SECOND if entered is not None else None
        in_time = stands and seconds is not None and seconds <= self.limit
        deadline = self.since + round(self.limit * SECOND)
        wanted = f"{self.low}" if self.low == self.high else f"{self.low} to {self.high}"
        return Verdict(
            outcome=decide(history, deadline + QUIET, final, in_time),
            promise=f"{instances(set(self.instances))} read {wanted} streams within {self.limit:g} s",
            seen=f"{count} of {wanted} streams read, {len(owned)} assigned",
            value=seconds if in_time else (history.now - self.since) / SECOND,
            limit=self.limit,
            unit="s",
            samples=count,
            window=Window(self.since, history.now),
            distribution={r.stream: round(max(0, r.start - self.since) / SECOND, 4) for r in mine if r.end == FOREVER},
            details={"streams": count, "low": self.low, "high": self.high, "censored": not in_time, "counted": "streams read"},
        )


def _last_entry(mine: list[Reading], low: int, high: int) -> int | None:
    """When the number of readings last came into [low, high]; None if it is outside at the end of the record."""
    changes = sorted([(r.start, 1) for r in mine] + [(r.end, -1) for r in mine if r.end != FOREVER])
    entered: int | None = 0 if low == 0 else None
    count = 0
    for t, change in changes:
        count += change
        inside = low <= count <= high
        entered = None if not inside else t if entered is None else entered
    return entered


@dataclass(frozen=True)
class Queued(Check):
    """Exactly ``streams`` streams wait for room, known to the system, within ``limit`` seconds from ``since`` (R1.2)."""

    streams: int
    since: int
    limit: float

    @unless_blind(Outcome.VIOLATED)
    def judge(self, history: History, *, final: bool = False) -> Verdict:
        now = state(history)
        queued = len(now.queued) if now and now.t >= self.since else None
        outcome = decide(history, self.since + round(self.limit * SECOND), final, queued == self.streams)
        return Verdict(
            outcome=Outcome.COULD_NOT_JUDGE if queued is None and outcome is Outcome.VIOLATED else outcome,
            promise=f"{self.streams} streams stay queued",
            seen=f"{queued if queued is not None else 'no'} streams queued",
            value=float(queued) if queued is not None else None,
            limit=float(self.streams),
            unit="streams",
            better="equal",
            samples=len(now.owners) if now else 0,
            window=Window(self.since, history.now),
        )


@dataclass(frozen=True)
class Hold(Check):
    """Each of these instances reads exactly so many streams, within ``limit`` seconds from ``since`` (R1.3)."""

    counts: dict[str, int]
    since: int
    limit: float

    @unless_blind(Outcome.VIOLATED)
    def judge(self, history: History, *, final: bool = False) -> Verdict:
        found = {name: sum(1 for r in readings(history) if r.reader == name and r.end == FOREVER) for name in self.counts}
        different = sum(abs(found[name] - count) for name, count in self.counts.items())
        wanted = ", ".join(f'"{name}" reads {count}' for name, count in self.counts.items())
        return Verdict(
            outcome=decide(history, self.since + round(self.limit * SECOND), final, different == 0),
            promise=wanted,
            seen=", ".join(f'"{name}" reads {count}' for name, count in found.items()),
            value=float(different),
            limit=0.0,
            unit="streams",
            samples=sum(found.values()),
            window=Window(self.since, history.now),
        )


@dataclass(frozen=True)
class ReadOnce(Check):
    """Within ``limit`` seconds from ``since`` every stream of the catalogue is read by exactly one instance, and no other stream by any (R1.2, R1.5).

    It must stand still for a moment. Instances that a fault of ours keeps away do not count.
    ``value`` is when the last stream came to its reader, or lost one too many.
    """

    since: int
    limit: float

    @unless_blind(Outcome.VIOLATED)
    def judge(self, history: History, *, final: bool = False) -> Verdict:
        away = kept_away(history)
        all_readings = [r for r in readings(history) if r.reader not in away]
        present = [r for r in all_readings if r.end == FOREVER]
        catalogue = catalogues(history).current()
        found: dict[str, list[str]] = {stream: [] for stream in catalogue}
        for reading in present:
            found.setdefault(reading.stream, []).append(reading.reader)
        wrong = {stream: at for stream, at in found.items() if len(at) != (stream in catalogue)}
        latest = max([self.since, *(r.start if r.end == FOREVER else r.end for r in all_readings)])
        seconds = (latest - self.since) / SECOND
        stands = not wrong and (final or history.now - latest >= QUIET)
        deadline = self.since + round(self.limit * SECOND)
        readers = {stream if stream in catalogue else f"{stream} (removed)": " and ".join(names) or "nobody"
                   for stream, names in sorted(wrong.items())[:3]}
        return Verdict(
            outcome=decide(history, deadline + QUIET, final, stands and seconds <= self.limit),
            promise=f"every stream is read by exactly one worker within {self.limit:g} s",
            seen=f"{len(found) - len(wrong)} of {len(found)} streams read by exactly one"
                 + "".join(f"; {stream} by {who}" for stream, who in readers.items()),
            value=seconds if stands else (history.now - self.since) / SECOND,
            limit=self.limit,
            unit="s",
            samples=len(found),
            window=Window(self.since, history.now),
            distribution={r.stream: round(max(0, r.start - self.since) / SECOND, 4) for r in present},
            suspects=tuple(sorted(wrong)),
            details={"censored": not stands, "counted": "streams read by exactly one"},
        )
