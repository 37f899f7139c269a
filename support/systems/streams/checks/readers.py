"""What is promised of readers in every scenario, as the stream source saw them: pure checkers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from support.evidence.history import SECOND, History
from support.systems.streams.checks.promises import Promise
from support.systems.streams.timeline import FOREVER, Absence, Reading, absences, largest_slip, readings, snapshots

RECONCILED_WITHIN = 30 * SECOND  # a reader that was cut off may read on for this long after its link was healed
MAY_EXCEED = SECOND              # ns; so long a stop may be under way that was not asked for yet
MAY_PAUSE = 1.5                  # seconds; a reader that lost its connection is back well within this


@dataclass(frozen=True)
class OfReaders(Promise):
    """Without a single reading it could not be judged."""

    def observations(self, history: History) -> int:
        return len(history.of("read-started"))


@dataclass(frozen=True)
class OneReader(OfReaders):
    """The source never sees two readers of a stream, unless one of them was kept away by a fault of ours.

    A planned move hands over only after the source has acknowledged the stop. One that was cut off reads on legitimately
    until 30 s after it is healed; what it is given after its return is a planned move again.
    """

    title = "a stream is read by one instance at a time"

    def breaches(self, history: History) -> Iterator[str]:
        away = absences(history)
        by_stream: dict[str, list[Reading]] = defaultdict(list)
        for reading in readings(history):
            by_stream[reading.stream].append(reading)
        for stream, found in by_stream.items():
            for i, first in enumerate(found):
                for second in found[i + 1:]:
                    if second.reader != first.reader and second.start < first.free and not _excused(first, second, away, found):
                        early = (min(first.free, second.end, history.now) - second.start) / SECOND
                        yield f'{stream} was read by "{second.reader}" {early:.2f} s before "{first.reader}" was known to have stopped'


def _excused(first: Reading, second: Reading, away: list[Absence], of_stream: list[Reading]) -> bool:
    """Whether one of the two readers was away when the other began and has read on since, and the overlap ended in time."""
    for absence in away:
        own = next((r for r in (first, second) if r.reader == absence.instance), None)
        if own is not None and absence.start <= second.start and _reads_on(own, absence, of_stream):
            grace_over = absence.end if absence.end == FOREVER else absence.end + RECONCILED_WITHIN
            if second.start <= grace_over and min(first.free, second.free) <= max(grace_over, second.start):
                return True
    return False


def _reads_on(reading: Reading, absence: Absence, of_stream: list[Reading]) -> bool:
    """Whether this began before the instance's return, or goes on with a reading that did and was never acknowledged to have stopped."""
    return any(
        earlier.reader == reading.reader and earlier.start <= min(reading.start, absence.end) and (earlier is reading or earlier.stopped is None)
        for earlier in of_stream
    )


@dataclass(frozen=True)
class WithinRoom(OfReaders):
    """No instance reads more streams than it ever had room for, whatever the system says (those that it has asked to stop aside)."""

    title = "no instance reads more streams than it has room for"

    def breaches(self, history: History) -> Iterator[str]:
        away = {absence.instance for absence in absences(history)}
        room: dict[str, int] = {}
        for snapshot in snapshots(history):
            for name, (_, capacity, _) in snapshot.instances.items():
                room[name] = max(room.get(name, 0), capacity)
        reads: dict[str, set[str]] = defaultdict(set)
        since: dict[str, int] = {}
        for event in history.of("read-started", "stop-requested", "read-stopped", "tick"):
            if event.what == "tick":
                for name in [name for name, begun in since.items() if event.t - begun > MAY_EXCEED]:
                    yield f'"{name}" read {len(reads[name])} streams with room for {room[name]}'
                    del since[name]
                continue
            name = event["reader"]
            (reads[name].add if event.what == "read-started" else reads[name].discard)(event["stream"])
            if name not in away and len(reads[name]) > room.get(name, len(reads[name])):
                since.setdefault(name, event.t)
            else:
                since.pop(name, None)


@dataclass(frozen=True)
class WithoutPause(OfReaders):
    """Whoever reads a stream and was not asked to stop goes on reading it: a lost connection is made again at once."""

    title = "nobody pauses in reading"

    def breaches(self, history: History) -> Iterator[str]:
        away = absences(history)
        before: dict[str, Reading] = {}
        for reading in readings(history):
            last, before[reading.stream] = before.get(reading.stream), reading
            if last is None or last.reader != reading.reader or last.stopped is not None:
                continue
            pause = (reading.start - last.end) / SECOND
            if pause <= MAY_PAUSE or any(a.instance == reading.reader and a.start <= reading.start and last.end <= a.end for a in away):
                continue
            if pause - largest_slip(history.between(last.end, reading.start)) > MAY_PAUSE:
                yield f'{reading.stream} was not read for {pause:.1f} s by "{reading.reader}", which nobody had asked to stop'


OF_READERS: list[type[Promise]] = [OneReader, WithinRoom, WithoutPause]
