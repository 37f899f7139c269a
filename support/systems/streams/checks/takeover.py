"""Whether lost streams are taken over in time (R1.2)."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from support.evidence.check import Check
from support.evidence.history import SECOND, History
from support.evidence.verdict import Verdict, Window
from support.outcomes import Outcome
from support.systems.streams.checks.common import decide, instances, unless_blind
from support.systems.streams.timeline import largest_slip, readings, state

TESTER_MAY_LAG = 1.0  # seconds; an observer that ran later than this cannot judge


def _tester_fell_behind(history: History, start: int, end: int) -> float | None:
    slip = largest_slip(history.between(start, end))
    return slip if slip > TESTER_MAY_LAG else None


@dataclass(frozen=True)
class TakenOver(Check):
    """Streams that lost their reader are read by another one, within ``limit`` seconds from ``since`` (R1.2).

    ``streams`` maps each stream to the instance that had it. With ``at_least`` only so many must be (the rest has no room).
    """

    streams: dict[str, str]
    since: int
    limit: float
    at_least: int | None = None

    @unless_blind(Outcome.VIOLATED)
    def judge(self, history: History, *, final: bool = False) -> Verdict:
        wanted = len(self.streams) if self.at_least is None else self.at_least
        gone = set(self.streams.values())
        taken: dict[str, float] = {}
        for reading in readings(history):
            if reading.stream in self.streams and reading.reader not in gone and reading.end > self.since:
                seconds = max(0, reading.start - self.since) / SECOND
                taken.setdefault(reading.stream, seconds)
        in_time = sorted(s for s in taken.values() if s <= self.limit)
        deadline = self.since + round(self.limit * SECOND)
        end = history.now
        if not self.streams:
            return self._verdict(Outcome.COULD_NOT_JUDGE, "it had no stream to lose", taken, in_time, wanted, end)
        outcome = decide(history, deadline, final, len(in_time) >= wanted)
        if outcome is Outcome.MET and (slip := _tester_fell_behind(history, self.since, end)):
            return self._verdict(Outcome.COULD_NOT_JUDGE, f"the observer itself ran {slip:.1f} s late", taken, in_time, wanted, end)
        missing = sorted(set(self.streams) - set(taken))
        seen = f"{len(in_time)} of {wanted} streams read by another"
        if missing and len(in_time) < wanted:
            seen += f"; not yet: {', '.join(_with_owner(history, missing[:5]))}{' …' if len(missing) > 5 else ''}"
        return self._verdict(outcome, seen, taken, in_time, wanted, end)

    def _verdict(self, outcome: Outcome | None, seen: str, taken: dict[str, float], in_time: list[float], wanted: int, end: int) -> Verdict:
        complete = len(in_time) >= wanted > 0
        return Verdict(
            outcome=outcome,
            promise=f"every stream of {instances(set(self.streams.values()))} is read by another within {self.limit:g} s",
            seen=seen,
            value=in_time[wanted - 1] if complete else max(self.limit, (end - self.since) / SECOND) if wanted else 0.0,
            limit=self.limit,
            unit="s",
            samples=len(in_time),
            window=Window(self.since, end),
            distribution={stream: round(seconds, 4) for stream, seconds in sorted(taken.items())},
            suspects=tuple(sorted(set(self.streams) - set(taken))) if not complete else (),
            details={"median": median(in_time) if in_time else None, "censored": not complete, "counted": "streams read by another"},
        )


def _with_owner(history: History, streams: list[str]) -> list[str]:
    now = state(history)
    owners = dict(now.owners) if now else {}
    words = {stream: f'still assigned to "{owners[stream]}"' if owners.get(stream) else "queued" if stream in owners else "unknown to the system"
             for stream in streams}
    return [f"{stream} ({word})" for stream, word in words.items()]
