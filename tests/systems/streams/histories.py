"""Histories of known truth, written as a scenario would have recorded them."""

from __future__ import annotations

from typing import Any

from support.evidence.history import SECOND, Event, History


class Story:
    """Builds a history; times are in seconds."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._seq = 0
        self._blind = (0.0, 0.0)

    def at(self, seconds: float, what: str, **data: Any) -> Story:
        self.events.append(Event(round(seconds * SECOND), "test", what, data))
        return self

    def catalogue(self, seconds: float, version: int, streams: list[str]) -> Story:
        self.at(seconds, "catalogue", version=version, streams=streams)
        return self.at(seconds, "change-acknowledged", version=version)

    def state(self, seconds: float, capacities: dict[str, int], owners: dict[str, str | None] | list[tuple[str, str | None]],
              log: list[tuple[str, str | None, str | None, str]] = (), *, counters: dict[str, int] | None = None,  # type: ignore[assignment]
              by: str = "both", trigger: str = "manual") -> Story:
        """One state as both observers saw it; ``log`` holds (stream, from, to, trigger id)."""
        pairs = list(owners.items()) if isinstance(owners, dict) else owners
        counts = counters or {name: sum(1 for _, o in pairs if o == name) for name in capacities}
        instances = [{"instance_id": n, "status": "active", "capacity": c, "assigned": counts.get(n, 0)} for n, c in capacities.items()]
        asked = round(seconds * SECOND)
        rows = []
        for stream, source, target, occasion in log:
            self._seq += 1
            rows.append({"seq": self._seq, "stream_id": stream, "from_instance": source, "to_instance": target,
                         "trigger": trigger, "trigger_id": occasion})
        if by in ("both", "database"):
            self.at(seconds, "database", asked=asked, instances=instances, assignments=[list(p) for p in pairs], log=rows)
        if by in ("both", "api"):
            self.at(seconds, "api", asked=asked, instances=instances,
                    assignments=[{"stream_id": s, "instance_id": o} for s, o in pairs if o], unassigned=[s for s, o in pairs if not o])
        return self

    def reads(self, reader: str, *streams: str, since: float, until: float | None = None, how: str = "acknowledged") -> Story:
        for stream in streams:
            self.at(since, "read-started", stream=stream, reader=reader)
            if until is not None:
                self.at(until, "read-stopped", stream=stream, reader=reader, how=how)
        return self

    def fault(self, fault: str, *subjects: str, called: float, healed: float | None = None, id: int = 0) -> Story:
        self.at(called, "fault-called", id=id, fault=fault, subjects=list(subjects))
        self.at(called + 0.01, "fault-in-effect", id=id, fault=fault, subjects=list(subjects))
        if healed is not None:
            self.at(healed, "fault-healed", id=id, fault=fault, subjects=list(subjects))
        return self

    def until(self, seconds: float) -> Story:
        """The observers went on looking until then, and nothing had changed."""
        for by in {event.what for event in self.events} & {"database", "api"}:
            self.at(seconds, f"{by}-same", asked=round(seconds * SECOND))
        return self.at(seconds, "tick", slip=0)

    def blind(self, start: float, end: float) -> Story:
        """The observer gave no sign of life between these moments."""
        self._blind = (start, end)
        return self

    def told(self) -> History:
        start, end = self._blind
        seconds = range(round(max((event.t for event in self.events), default=0) / SECOND))
        return History([*self.events, *(Event(s * SECOND, "test", "tick", {"slip": 0}) for s in seconds if not start < s < end)])
