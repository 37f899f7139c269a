"""The history: an append-only record of what was done and seen. Checkers read nothing else.

One JSON object a line: ``{"t": 12345678, "by": "source", "what": "read-started", ...}``. ``t`` is CLOCK_MONOTONIC in
nanoseconds of the one kernel that all writers share. A segment is one file with one writer; a scenario's history is
its segments merged by time.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

SECOND = 1_000_000_000  # nanoseconds


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was done or seen, at monotonic time ``t`` (ns), ``by`` one observer."""

    t: int
    by: str
    what: str
    data: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def to_json(self) -> str:
        return json.dumps({"t": self.t, "by": self.by, "what": self.what, **self.data}, separators=(",", ":"), default=str)

    @classmethod
    def from_json(cls, line: str) -> Event:
        data = json.loads(line)
        return cls(data.pop("t"), data.pop("by"), data.pop("what"), data)


class Segment:
    """The writing end of one history file. One writer each; its threads may share it."""

    def __init__(self, path: Path, by: str) -> None:
        self.path = path
        self.by = by
        self._lock = threading.Lock()
        self._file: TextIO = path.open("a", encoding="utf-8", buffering=1)  # a line reaches the readers at once

    def record(self, what: str, *, t: int | None = None, by: str | None = None, **data: Any) -> Event:
        """Append one event, stamped now unless ``t`` is given."""
        event = Event(time.monotonic_ns() if t is None else t, by or self.by, what, data)
        with self._lock:
            self._file.write(event.to_json() + "\n")
        return event

    def close(self) -> None:
        self._file.close()


class History:
    """Events in the order of their time. Immutable for a checker; grows only through ``HistoryReader``."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.events: list[Event] = sorted(events, key=lambda e: e.t)  # costs next to nothing where they are in order

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)

    def of(self, *whats: str) -> list[Event]:
        """The events of these kinds, oldest first."""
        return [e for e in self.events if e.what in whats]

    def last(self, *whats: str) -> Event | None:
        return next((e for e in reversed(self.events) if e.what in whats), None)

    def between(self, start: int, end: int) -> History:
        return History(e for e in self.events if start <= e.t <= end)

    @property
    def now(self) -> int:
        """How far the record reaches (ns)."""
        return self.events[-1].t if self.events else 0

    @classmethod
    def load(cls, *paths: Path) -> History:
        return cls(Event.from_json(line) for p in paths for line in p.read_text(encoding="utf-8").splitlines() if line)


class HistoryReader:
    """Follows the segments of a directory (``*.jsonl``) while they are written."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._offsets: dict[Path, int] = {}
        self._history = History()

    def read(self) -> History:
        """Everything written so far. Cheap to call often: only new lines are parsed."""
        fresh: list[Event] = []
        for path in sorted(self.directory.glob("*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._offsets.get(path, 0))
                chunk = file.read()
            end = chunk.rfind(b"\n") + 1  # a line still being written waits for the next call
            self._offsets[path] = self._offsets.get(path, 0) + end
            fresh += [Event.from_json(line) for line in chunk[:end].decode().splitlines() if line]
        if fresh:
            self._history = History([*self._history.events, *fresh])
        return self._history
