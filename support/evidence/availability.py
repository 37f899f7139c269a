"""Availability and recovery time, from open-loop probes (events *probing* and *probe*, see support/observer/prober.py). Pure.

An outcome belongs to the time at which its probe was scheduled. A probe that the prober itself failed to send, or that left no
record, is unknown; more than 1 % of them and nothing can be judged.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from support.evidence.check import Check
from support.evidence.history import SECOND, History
from support.evidence.verdict import Verdict, Window
from support.outcomes import Outcome

MOST_UNKNOWN = 0.01  # share of the scheduled probes
_RECORDED_WITHIN = SECOND  # after its time-out, an outcome is on record by then, or never


@dataclass(frozen=True)
class Count:
    """The probes of a stretch: those known to be good or bad, and how many were scheduled."""

    good: int
    known: int
    scheduled: int

    @property
    def bad(self) -> int:
        return self.known - self.good

    @property
    def unknown(self) -> int:
        return max(0, self.scheduled - self.known)

    @property
    def judgeable(self) -> bool:
        return self.known > 0 and self.unknown <= MOST_UNKNOWN * self.scheduled

    @property
    def complete(self) -> bool:
        return self.unknown == 0


class Probes:
    """The outcomes of one probe's schedule, indexed by their scheduled time."""

    def __init__(self, history: History, name: str) -> None:
        plan = next((e for e in reversed(history.of("probing")) if e["name"] == name), None)
        self.rate = float(plan["rate"]) if plan else 0.0
        self._timeout = round(float(plan["timeout"]) * SECOND) if plan else 0
        self._now = history.now
        known = [e for e in history.of("probe") if e["name"] == name and e["sent"] is not None]
        self.known = sorted(known, key=lambda e: e["scheduled"])
        self._times: list[int] = [e["scheduled"] for e in self.known]
        self._good = [0, *accumulate(int(e["ok"]) for e in self.known)]

    def since(self, start: int) -> int:
        """The index of the first known probe that was scheduled at or after ``start``."""
        return bisect_left(self._times, start)

    def count(self, start: int, end: int) -> Count:
        """Those scheduled in [start, end)."""
        first, last = self.since(start), self.since(end)
        return Count(self._good[last] - self._good[first], last - first, int((end - start) * self.rate / SECOND + 1e-6))

    def decided(self, start: int, end: int) -> bool:
        """Whether no more outcomes of [start, end) can come in."""
        return self._now >= end and (self.count(start, end).complete or self._now >= end + self._timeout + _RECORDED_WITHIN)


@dataclass(frozen=True)
class Rto(Check):
    """Recovery time: from ``since`` (ns, the call of the fault) to the end of the first good probe from which on ``stable`` seconds
    stay good to at least ``share``. Looked for within ``window`` seconds (at least ``limit``); not found there is violated.
    """

    probe: str
    since: int
    limit: float
    window: float = 0.0
    stable: float = 5.0
    share: float = 0.99
    error: float | None = None

    def judge(self, history: History, *, final: bool = False) -> Verdict:
        probes = Probes(history, self.probe)
        stable, end = round(self.stable * SECOND), self.since + round(max(self.window, self.limit) * SECOND)
        for index in range(probes.since(self.since), probes.since(end)):
            candidate = probes.known[index]
            if not candidate["ok"]:
                continue
            start = candidate["scheduled"]
            count = probes.count(start, start + stable)
            if not self._good_enough(count.bad, max(count.known, count.scheduled)):
                continue
            if not probes.decided(start, start + stable):
                return self._verdict(
                    probes, history.now, Outcome.COULD_NOT_JUDGE if final else None, f"good again, for less than {self.stable:g} s so far"
                )
            if self._good_enough(count.bad, count.known):
                value = (candidate["done"] - self.since) / SECOND
                return self._recovered(probes, start + stable, value)
        if probes.decided(self.since, end):
            seen = f"not recovered within {(end - self.since) / SECOND:g} s"
            return self._verdict(probes, end, Outcome.VIOLATED, seen)
        return self._verdict(probes, history.now, Outcome.COULD_NOT_JUDGE if final else None, "not recovered yet")

    def _good_enough(self, bad: int, of: int) -> bool:
        return bad <= (1 - self.share) * of + 1e-9  # 1 - 0.9 is a little less than 0.1

    def _recovered(self, probes: Probes, end: int, value: float) -> Verdict:
        bad = probes.count(self.since, end).bad
        seen = f"back after {value:.3f} s, {bad} probes failed" if bad else f"no probe failed; the first answer came after {value:.3f} s"
        return self._verdict(probes, end, Outcome.MET if value <= self.limit else Outcome.VIOLATED, seen, value)

    def _verdict(self, probes: Probes, end: int, outcome: Outcome | None, seen: str, value: float | None = None) -> Verdict:
        count = probes.count(self.since, max(end, self.since))
        if outcome in (Outcome.MET, Outcome.VIOLATED) and not count.judgeable:
            outcome, seen = Outcome.COULD_NOT_JUDGE, _too_many_unknown(count)
        return Verdict(
            outcome=outcome,
            promise=f"service is back within {self.limit:g} s and stays so for {self.stable:g} s",
            seen=seen,
            value=value,
            limit=self.limit,
            unit="s",
            samples=count.known,
            error=self.error,
            window=Window(self.since, max(end, self.since)),
            details=_details(count),
        )


@dataclass(frozen=True)
class Availability(Check):
    """The share of good probes among those scheduled in [start, end) (ns), in percent: a census of this window, hence no interval."""

    probe: str
    start: int
    end: int
    limit: float
    error: float | None = None

    def judge(self, history: History, *, final: bool = False) -> Verdict:
        probes = Probes(history, self.probe)
        count = probes.count(self.start, self.end)
        value = 100 * count.good / count.known if count.known else None
        outcome: Outcome | None = None
        seen = f"{count.bad} of {count.known} probes failed"
        if final or probes.decided(self.start, self.end):
            if value is None or not count.judgeable:
                outcome, seen = Outcome.COULD_NOT_JUDGE, _too_many_unknown(count)
            else:
                outcome = Outcome.MET if value >= self.limit else Outcome.VIOLATED
        return Verdict(
            outcome=outcome,
            promise=f"at least {self.limit:g} % of the requests in {(self.end - self.start) / SECOND:g} s succeed",
            seen=seen,
            value=value,
            limit=self.limit,
            unit="%",
            better="higher",
            samples=count.known,
            error=self.error,
            window=Window(self.start, self.end),
            details=_details(count),
        )


def _too_many_unknown(count: Count) -> str:
    return f"{count.unknown} of {count.scheduled} probes are unknown (at most {MOST_UNKNOWN:.0%} may be)"


def _details(count: Count) -> dict[str, Any]:
    return {"good": count.good, "bad": count.bad, "unknown": count.unknown}
