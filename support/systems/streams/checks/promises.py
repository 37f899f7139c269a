"""What a streams system promises in every scenario, whatever is done to it: pure checkers over the recorded history.

*Always* promises are judged on every snapshot and every reading; *settled* ones on the state at rest, at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from support.evidence.check import Check
from support.evidence.history import SECOND, History
from support.evidence.verdict import Verdict, Window
from support.outcomes import Outcome
from support.systems.streams.checks.balancing import distances
from support.systems.streams.checks.common import all_read, unless_blind
from support.systems.streams.timeline import (
    Snapshot,
    assignment_log,
    catalogues,
    kept_away,
    latest,
    readers_now,
    snapshots,
    state,
)

NEAR = 2            # streams
GREATEST_GAP = 20   # percentage points
LARGE_ENOUGH = 10   # streams of capacity


@dataclass(frozen=True)
class Promise(Check):
    """A promise counts its breaches: none are allowed. Without a single observation it could not be judged."""

    title = ""

    def breaches(self, history: History) -> Iterator[str]:
        raise NotImplementedError

    def observations(self, history: History) -> int:
        return len(history.of("database", "database-same", "api", "api-same"))

    @unless_blind(Outcome.MET)
    def judge(self, history: History, *, final: bool = False) -> Verdict:
        found = list(dict.fromkeys(self.breaches(history)))
        seen = self.observations(history)
        outcome = Outcome.VIOLATED if found else Outcome.MET if seen else Outcome.COULD_NOT_JUDGE
        start = history.events[0].t if len(history) else 0
        return Verdict(
            outcome=outcome,
            promise=self.title,
            seen="; ".join(found[:3]) + (f" (and {len(found) - 3} more)" if len(found) > 3 else "") or f"no breach in {seen} observations",
            value=float(len(found)),
            limit=0.0,
            unit="breaches",
            samples=seen,
            window=Window(start, history.now),
            suspects=tuple(found[:20]),
        )


@dataclass(frozen=True)
class OneOwner(Promise):
    """No snapshot shows a stream with two owners, or both owned and queued."""

    title = "a stream has at most one owner"

    def breaches(self, history: History) -> Iterator[str]:
        for snapshot in snapshots(history):
            for stream, rows in Counter(snapshot.streams).items():
                if rows > 1:
                    owners = sorted(str(o) for s, o in snapshot.owners if s == stream)
                    yield f"{stream} was owned by {' and '.join(owners)} at once ({snapshot.by})"


@dataclass(frozen=True)
class NothingLost(Promise):
    """Assigned + unassigned = catalogue, against any catalogue since the last acknowledged change."""

    title = "no stream is lost and none invented"

    def breaches(self, history: History) -> Iterator[str]:
        known = catalogues(history)
        for snapshot in self._as_often_as_asked(history):
            allowed = known.allowed(snapshot.asked, snapshot.t)
            found = frozenset(snapshot.streams)
            if allowed and found not in allowed:
                lost, invented = sorted(allowed[-1] - found), sorted(found - allowed[-1])
                yield f"{len(lost)} lost ({', '.join(lost[:3])}), {len(invented)} invented ({', '.join(invented[:3])}) ({snapshot.by})"

    @staticmethod
    def _as_often_as_asked(history: History) -> Iterator[Snapshot]:
        """A snapshot that no longer changes may become wrong when the catalogue does: the last look counts again."""
        yield from snapshots(history)
        yield from filter(None, (latest(history, by) for by in ("database", "api")))


@dataclass(frozen=True)
class WithinCapacity(Promise):
    """No instance is given a stream above its capacity (one that registered again with less room may shed its surplus in time)."""

    title = "no instance is given a stream above its capacity"

    def breaches(self, history: History) -> Iterator[str]:
        for by in ("database", "api"):
            before: dict[str, set[str]] = {}
            for snapshot in snapshots(history, by):
                owned = snapshot.owned
                for name, streams in owned.items():
                    capacity = snapshot.instances.get(name, ("", 0, 0))[1]
                    if len(streams) > capacity and streams - before.get(name, set()):
                        yield f'"{name}" was given {len(streams)} streams with room for {capacity} ({by})'
                before = owned


@dataclass(frozen=True)
class QueuedOnlyWhenFull(Promise):
    """At rest, no stream waits while an active instance has room."""

    title = "no stream waits while there is room"

    def breaches(self, history: History) -> Iterator[str]:
        now = state(history)
        if now is None:
            return
        room = {name: capacity - now.counts[name] for name, capacity in now.capacities.items() if capacity > now.counts[name]}
        if now.queued and room:
            some = ", ".join(sorted(now.queued)[:3])
            yield f"{len(now.queued)} streams wait ({some}) while {', '.join(sorted(room))} have room for {sum(room.values())}"


@dataclass(frozen=True)
class ReadByOwner(Promise):
    """At rest, every assigned stream is read by its owner and by nobody else, and a queued one by nobody."""

    title = "every assigned stream is read by its owner"

    def observations(self, history: History) -> int:
        return len(history.of("read-started", "database-same", "api-same"))

    def breaches(self, history: History) -> Iterator[str]:
        now = state(history)
        if now is None or all_read(history, now):
            return
        read, away = readers_now(history), kept_away(history)
        for stream, owner in now.owners:
            readers = read.get(stream, set()) - away
            if readers != ({owner} if owner is not None else set()):
                whose = f'belongs to "{owner}"' if owner is not None else "is queued"
                yield f'{stream} {whose} and is read by {" and ".join(sorted(readers)) or "nobody"}'


@dataclass(frozen=True)
class CountersEqualRows(Promise):
    """At rest, the system's own counters equal its assignments, in every view of it, and the views equal each other."""

    title = "counters equal rows"

    def breaches(self, history: History) -> Iterator[str]:
        database, api = latest(history, "database"), latest(history, "api")
        for view in filter(None, (database, api)):
            for name, (_, _, counter) in view.instances.items():
                if counter != view.counts[name]:
                    yield f'"{name}" says {counter} and has {view.counts[name]} ({view.by})'
        if database and api:
            yield from self._different(database, api)

    @staticmethod
    def _different(database: Snapshot, api: Snapshot) -> Iterator[str]:
        if sorted(database.owners, key=str) != sorted(api.owners, key=str):
            yield "the API and the database tell different assignments"
        for name in sorted(database.capacities.keys() | api.capacities.keys()):
            if database.capacities.get(name) != api.capacities.get(name):
                words = [f"active with room for {view.capacities[name]}" if name in view.capacities else "not active" for view in (database, api)]
                yield f'"{name}" is {words[0]} by the database and {words[1]} by the API'


@dataclass(frozen=True)
class LogEndsWithOwners(Promise):
    """At rest, the last row of the log for each stream names its owner, or nobody where it is queued."""

    title = "the log ends with the owners"

    def breaches(self, history: History) -> Iterator[str]:
        database = latest(history, "database")
        if database is None:
            return
        last = {row.stream: row.target for row in assignment_log(history)}
        for stream, owner in database.owners:
            if owner is None and last.get(stream) is not None:
                yield f"{stream} is queued and the log gave it to {last[stream]}"
            elif owner is not None and last.get(stream, owner) not in (owner, None):
                yield f"{stream} belongs to {owner} and the log gave it to {last[stream]}"


@dataclass(frozen=True)
class NearShare(Promise):
    """At rest every active instance is within 2 streams of its share, and load factors are no more than 20 points apart.

    One stream alone is more than 10 points of a capacity below 10: there the gap cannot always be kept, and only the share counts.
    """

    title = "every instance is near its share"

    def breaches(self, history: History) -> Iterator[str]:
        now = state(history)
        if now is None:
            return
        gap, distance = distances(now)
        if distance > NEAR:
            yield f"an instance is {float(distance):.2f} streams from its share"
        if gap > GREATEST_GAP and min(now.capacities.values()) >= LARGE_ENOUGH:
            yield f"the load factors are {float(gap):.1f} points apart"


ALWAYS: list[type[Promise]] = [OneOwner, NothingLost, WithinCapacity]
SETTLED: list[type[Promise]] = [QueuedOnlyWhenFull, NearShare, ReadByOwner, CountersEqualRows]


@dataclass(frozen=True)
class Settled(Check):
    """The fleet has come to rest: the settled promises hold and have held for a moment, within ``limit`` seconds from ``since``."""

    since: int
    limit: float
    instances: list[str] = field(default_factory=list)
    logged: bool = False  # at the end; before, what is logged wrongly shall not keep a scenario from being judged

    def judge(self, history: History, *, final: bool = False) -> Verdict:
        now, seen_api = state(history), latest(history, "api")
        open_points: list[str] = []
        if now is None or now.asked < self.since or (seen_api is not None and seen_api.asked < self.since):
            open_points = ["no state seen yet"]
        else:
            missing = [name for name in self.instances if name not in now.capacities and name not in kept_away(history)]
            open_points = [f'"{name}" is not registered' for name in missing]
            for promise in [*SETTLED, LogEndsWithOwners] if self.logged else SETTLED:
                open_points += promise().breaches(history)
            open_points += _catalogue_differs(history, now)
        deadline = self.since + round(self.limit * SECOND)
        outcome = Outcome.MET if not open_points else Outcome.VIOLATED if final or history.now > deadline else None
        return Verdict(
            outcome=outcome,
            promise=f"the fleet settles within {self.limit:g} s",
            seen="; ".join(open_points[:3]) or "settled",
            value=(history.now - self.since) / SECOND,
            limit=self.limit,
            unit="s",
            samples=len(now.owners) if now else 0,
            window=Window(self.since, history.now),
            suspects=tuple(open_points[:20]),
        )


def _catalogue_differs(history: History, now: Snapshot) -> list[str]:
    current = catalogues(history).current()
    return [] if frozenset(now.streams) == current else [f"{len(set(now.streams))} of {len(current)} streams are known to the system"]
