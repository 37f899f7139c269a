"""What the observers of a streams system recorded, put in order: snapshots, readings, catalogues, absences. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from support.evidence.history import SECOND, Event, History

FOREVER = 2**63 - 1


@dataclass(frozen=True)
class Snapshot:
    """The state as one observer (``database`` or ``api``) was told it, true at some moment in [asked, t]."""

    by: str
    asked: int
    t: int
    instances: dict[str, tuple[str, int, int]]  # id -> status, capacity, the system's own counter
    owners: tuple[tuple[str, str | None], ...]  # (stream, instance or None: queued), doubles included

    @property
    def capacities(self) -> dict[str, int]:
        """Of the active instances."""
        return {name: capacity for name, (status, capacity, _) in self.instances.items() if status == "active"}

    @property
    def owned(self) -> dict[str, set[str]]:
        """Instance -> its streams."""
        owned: dict[str, set[str]] = {}
        for stream, instance in self.owners:
            if instance is not None:
                owned.setdefault(instance, set()).add(stream)
        return owned

    @property
    def counts(self) -> Counter[str]:
        """Rows per owner, doubles counted twice."""
        return Counter(instance for _, instance in self.owners if instance is not None)

    @property
    def queued(self) -> set[str]:
        return {stream for stream, instance in self.owners if instance is None}

    @property
    def streams(self) -> list[str]:
        return [stream for stream, _ in self.owners]


def snapshot_of(event: Event) -> Snapshot:
    """A snapshot from a ``database`` or ``api`` event."""
    instances = {i["instance_id"]: (i["status"], int(i["capacity"]), int(i["assigned"])) for i in event["instances"]}
    if event.what == "database":
        owners = [(stream, instance) for stream, instance in event["assignments"]]
    else:
        owners = [(a["stream_id"], a["instance_id"]) for a in event["assignments"]]
        owners += [(stream, None) for stream in event["unassigned"]]
    return Snapshot(event.what, event["asked"], event.t, instances, tuple(owners))


def snapshot_looked_at(seen: dict[str, Any]) -> Snapshot | None:
    """The state that a look of the observers has just found: by the database views if there are any, else by the API."""
    for by in ("database", "api"):
        if seen.get(by) and "error" not in seen[by]:
            return snapshot_of(Event(0, "watcher", by, {"asked": 0, **seen[by]}))
    return None


def snapshots(history: History, by: str | None = None) -> list[Snapshot]:
    """Every snapshot in which something had changed, oldest first."""
    return [snapshot_of(e) for e in history.of(*([by] if by else ["database", "api"]))]


def latest(history: History, by: str) -> Snapshot | None:
    """The newest snapshot by one observer, its time being that of the last look that found it unchanged."""
    event = history.last(by)
    if event is None:
        return None
    found, same = snapshot_of(event), history.last(f"{by}-same")
    if same is not None and same.t > found.t:
        return Snapshot(found.by, same["asked"], same.t, found.instances, found.owners)
    return found


def state(history: History) -> Snapshot | None:
    """The newest state: from the database views where there are any, else from the API."""
    return latest(history, "database") or latest(history, "api")


@dataclass
class Reading:
    """One reader reads one stream from ``start`` to ``end`` (FOREVER: still at it).

    Only from ``free`` on may somebody else read it: when the source has acknowledged the stop that the reader asked for;
    without such a request, when the reading ended.
    """

    stream: str
    reader: str
    start: int
    end: int = FOREVER
    stop_pending: bool = False
    stopped: int | None = None  # when the source acknowledged

    @property
    def free(self) -> int:
        if self.stop_pending:
            return FOREVER
        return self.end if self.stopped is None else self.stopped


def readings(history: History) -> list[Reading]:
    """Who read what, when, as the stream source saw it; in the order of their beginning.

    A killed reader has stopped, at the latest, when its death was witnessed, and waits for no acknowledgement any more.
    """
    found: list[Reading] = []
    latest: dict[tuple[str, str], Reading] = {}
    stopping: dict[tuple[str, str], list[Reading]] = {}  # asked to stop and not acknowledged; more than one if it read again meanwhile
    for event in history.of("read-started", "read-stopped", "stop-requested", "stop-acknowledged", "stop-abandoned", "fault-in-effect"):
        if event.what == "fault-in-effect":
            if event["fault"] == "killed":
                for reading in found:
                    if reading.reader in event["subjects"]:
                        reading.end, reading.stop_pending = min(reading.end, event.t), False
            continue
        key = (event["stream"], event["reader"])
        if event.what == "read-started":
            latest[key] = Reading(*key, event.t)
            found.append(latest[key])
        elif event.what == "read-stopped" and key in latest:
            latest[key].end = min(latest[key].end, event.t)
        elif event.what == "stop-requested" and key in latest and _concerned(latest[key], event.t):
            latest[key].stop_pending = True
            stopping.setdefault(key, []).append(latest[key])
        elif event.what in ("stop-acknowledged", "stop-abandoned"):
            for reading in stopping.pop(key, []):
                if event.what == "stop-acknowledged" and reading.stop_pending:
                    reading.stopped = event.t
                reading.stop_pending = False
    return found


def _concerned(reading: Reading, t: int) -> bool:
    """Whether a stop that is asked for at ``t`` concerns it: not if one was acknowledged before, or it ended long ago.

    Its connection may have ended just before.
    """
    return reading.stopped is None and (reading.end == FOREVER or t - reading.end < SECOND)


def readers_now(history: History) -> dict[str, set[str]]:
    """Stream -> those who read it at the end of the record."""
    now: dict[str, set[str]] = {}
    for reading in readings(history):
        if reading.end == FOREVER:
            now.setdefault(reading.stream, set()).add(reading.reader)
    return now


@dataclass(frozen=True)
class Absence:
    """A stretch in which an instance could not be reached or could not act, because of a fault of ours."""

    instance: str
    fault: str
    start: int
    end: int = FOREVER


def absences(history: History) -> list[Absence]:
    """What the suite itself did to instances, from the call of a fault to its healing."""
    found: list[Absence] = []
    for event in history.of("fault-called"):
        healed = next((e.t for e in history.of("fault-healed") if e["id"] == event["id"]), FOREVER)
        found += [Absence(name, event["fault"], event.t, healed) for name in event["subjects"]]
    return found


def kept_away(history: History) -> set[str]:
    """The instances that a fault of ours keeps away at the end of the record."""
    return {absence.instance for absence in absences(history) if absence.end == FOREVER}


@dataclass(frozen=True)
class LogRow:
    """A row of the append-only assignment log, and when we first saw it."""

    seq: int
    stream: str
    source: str | None
    target: str | None
    trigger: str
    trigger_id: str
    seen: int


def rows_of(event: Event) -> list[LogRow]:
    """The rows of the log that a ``database`` event was the first to show."""
    return [
        LogRow(r["seq"], r["stream_id"], r["from_instance"], r["to_instance"], r["trigger"], r["trigger_id"], event.t)
        for r in event["log"]
    ]


def assignment_log(history: History) -> list[LogRow]:
    return sorted((row for event in history.of("database") for row in rows_of(event)), key=lambda row: row.seq)


@dataclass(frozen=True)
class Catalogues:
    """The catalogue's versions, and which of them may be the truth for a system that was asked at a moment."""

    published: list[tuple[int, int, frozenset[str]]] = field(default_factory=list)  # (t, version, streams)
    acknowledged: list[tuple[int, int]] = field(default_factory=list)               # (t, version)

    def allowed(self, asked: int, answered: int) -> list[frozenset[str]]:
        """Every catalogue from the last one acknowledged before ``asked`` to the last one published before ``answered``."""
        oldest = max((version for t, version in self.acknowledged if t <= asked), default=-1)
        known = [streams for t, version, streams in self.published if t <= answered and version >= oldest]
        return known if oldest >= 0 else [frozenset(), *known]

    def current(self) -> frozenset[str]:
        return self.published[-1][2] if self.published else frozenset()


def catalogues(history: History) -> Catalogues:
    return Catalogues(
        [(e.t, e["version"], frozenset(e["streams"])) for e in history.of("catalogue")],
        [(e.t, e["version"]) for e in history.of("change-acknowledged")],
    )


def largest_slip(events: Iterable[Event]) -> float:
    """How late the observer itself ran at worst, in seconds."""
    return max((e["slip"] for e in events if e.what == "tick"), default=0) / SECOND
