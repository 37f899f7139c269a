"""Whether the balance holds after each of many changes (R1.4)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from support.evidence.check import Check
from support.evidence.history import Event, History
from support.evidence.verdict import Verdict, Window
from support.outcomes import Outcome
from support.systems.streams.checks.balancing import distances, per_instance
from support.systems.streams.checks.common import unless_blind
from support.systems.streams.timeline import Snapshot, snapshots

EACH_KIND_AT_LEAST = 0.15  # criteria.md: each kind ≥ 15 % of the operations


@dataclass(frozen=True)
class WithinShareAfterEach(Check):
    """After each recorded change the fleet came within ``tolerance`` streams of every fair share, in ``limit`` seconds.

    Judged on the last state seen before the next change began (one that was being replayed to shorten a failure does not
    count), which must be one of exactly the workers and as many streams as there were. ``value`` is the largest distance
    that any change was left with; each kind must have made up 15 % of the changes.
    """

    tolerance: int
    limit: float
    since: int

    @unless_blind(Outcome.MET)
    def judge(self, history: History, *, final: bool = False) -> Verdict:
        changes = [e for e in history.of("change", "changes-ended") if e.t >= self.since]
        by = "database" if history.last("database") else "api"  # as those looked who decided that a change had been followed
        states = [s for s in snapshots(history, by) if s.asked >= self.since]
        made = history.of("change-made")
        worst, at, after = Fraction(0), 0, None
        judged, unaware = 0, ""
        for number, (change, following) in enumerate(pairwise(changes), start=1):
            if change.what == "changes-ended":
                break
            judged += 1
            last = _last_before(states, following.t)
            wanted = next((e for e in made if change.t <= e.t <= following.t), None)
            if last is None or (wanted is not None and not _aware(last, wanted)):
                unaware = unaware or f"after change {number} ({_words(change)}) the system did not know of it within {self.limit:g} s"
                continue
            distance = distances(last)[1]
            if distance > worst:
                worst, at, after = distance, number, last
        rare = _too_rare(changes[:judged])
        violated = worst > self.tolerance or (unaware and states)
        unjudged = rare or unaware or not judged
        outcome = Outcome.VIOLATED if violated else Outcome.COULD_NOT_JUDGE if unjudged else Outcome.MET
        where = f" after change {at} ({_words(changes[at - 1])})" if at else ""
        return Verdict(
            outcome=outcome,
            promise=f"every instance is within {self.tolerance} streams of its fair share after each change",
            seen=f"{rare} made up less than 15 % of the changes" if rare and outcome is Outcome.COULD_NOT_JUDGE
                 else unaware or f"largest distance {float(worst):.2f} streams{where}, over {judged} changes",
            value=None if unaware and worst <= self.tolerance else round(float(worst), 4),  # else it would seem to be about the distance
            limit=float(self.tolerance),
            unit="streams",
            samples=judged,
            window=Window(self.since, changes[-1].t if changes else history.now),
            details={**(per_instance(after) if after else {}), "change": at},
        )


def _aware(state: Snapshot, made: Event) -> bool:
    """Whether the state is one of the fleet and the catalogue as the change had made them."""
    return set(state.capacities) == set(made["workers"]) and len(set(state.streams)) == made["streams"]


def _last_before(states: list[Snapshot], t: int) -> Snapshot | None:
    return next((s for s in reversed(states) if s.t <= t), None)


def _too_rare(changes: list[Event]) -> str:
    """The kinds that made up less than their part, in words; only long sequences are held to it."""
    kinds = [c["kind"] for c in changes]
    rare = [k for k in ("join", "leave", "add", "remove") if kinds.count(k) < EACH_KIND_AT_LEAST * len(kinds)]
    return ", ".join(rare)


def _words(change: Event) -> str:
    return f"{change['kind']} {change['subject']}"


