"""A fleet that random sequences of changes are played on (R1.4)."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Sequence
from fractions import Fraction
from typing import Any, Protocol

from support.deadline import until
from support.scene.scene import Scene
from support.systems.streams.checks.balancing import distances
from support.systems.streams.sequences import MOST_STREAMS, MOST_WORKERS, ROOMS, Change, play, random_changes, shorten
from support.systems.streams.timeline import Snapshot, snapshot_looked_at

TOLERANCE = 2            # streams; where a sequence is given up as failing, the checker judges by the sentence's own
REPLAY_PATIENCE = 1.5    # seconds that a shortened sequence is given; the judged one has the full limit
CHECKS = 10              # periodic checks that may pass, 50 s: far from a heartbeat time-out, which would set right what a leave did not
FAR = Fraction(10**6)    # the distance of a fleet that does not even know all its workers and streams


class Fleet(Protocol):
    """What of the driver (there with its documentation) it takes to change a fleet."""

    scene: Scene
    names: list[str]

    @property
    def workers(self) -> Collection[str]: ...
    def publish(self, streams: Sequence[str]) -> None: ...
    def grow_to(self, streams: int) -> None: ...
    def remove(self, streams: Iterable[str]) -> None: ...
    def enlist(self, room: dict[str, int], *, simulated: bool = False) -> None: ...
    def dismiss(self, name: str) -> None: ...
    def let_a_check_pass(self) -> None: ...
    def look(self) -> dict[str, Any]: ...


class ChangingFleet:
    """Implements ``sequences.Rig`` on a streams system; remembers what it did."""

    def __init__(self, streams: Fleet, *, simulated: bool) -> None:
        self.streams = streams
        self.simulated = simulated
        self.shortest: list[Change] = []
        self._event = "change"
        self._names = 0
        self._seen: Snapshot | None = None  # the newest state

    def change_at_random(self, source: random.Random, length: int, patience: float) -> None:
        """Play a sequence; a failing one is made short, within a minute."""
        changes = random_changes(source, length)
        failed = play(self, changes, TOLERANCE, patience)
        self.streams.scene.segment.record("changes-ended", kind="end", subject="")
        if failed is not None:
            self._event = "replayed-change"
            self.shortest = shorten(self._fails, changes[:failed + 1])

    def _fails(self, changes: Sequence[Change]) -> bool:
        self.reset()
        return play(self, changes, TOLERANCE, REPLAY_PATIENCE) is not None

    def reset(self) -> None:
        """One worker and no streams, as every sequence begins."""
        for name in list(self.streams.workers):
            self.streams.dismiss(name)
        self.streams.publish([])
        self._names = 0
        self._join(ROOMS[-1])
        self.distance(REPLAY_PATIENCE)

    def possible(self, change: Change) -> bool:
        workers, streams = len(self.streams.workers), len(self.streams.names)
        return {"join": workers < MOST_WORKERS, "leave": workers > 1, "add": streams < MOST_STREAMS, "remove": streams > 0}[change.kind]

    def make(self, change: Change) -> None:
        streams = self.streams
        workers = sorted(streams.workers)
        several = 1 + change.number % 6
        if change.kind == "join":
            room = ROOMS[change.number % len(ROOMS)]
            self._record(change, f'"W{self._names + 1}" with room for {room}')
            self._join(room)
        elif change.kind == "leave":
            name = workers[change.number % len(workers)]
            self._record(change, f'"{name}"')
            streams.dismiss(name)
        elif change.kind == "add":
            self._record(change, f"{several} streams")
            streams.grow_to(len(streams.names) + several)
        else:
            gone = self._some_of_one(change.number, several)
            self._record(change, f"{len(gone)} streams")
            streams.remove(gone)
        self.streams.scene.segment.record("change-made", workers=sorted(streams.workers), streams=len(streams.names))

    def _some_of_one(self, number: int, several: int) -> list[str]:
        """Streams of one worker, so that its load falls and nobody else's does; any, while nobody has one."""
        owned = self._seen.owned if self._seen else {}
        groups = [sorted(streams) for _, streams in sorted(owned.items())] or [self.streams.names]
        return groups[number % len(groups)][:several]

    def _record(self, change: Change, subject: str) -> None:
        self.streams.scene.segment.record(self._event, kind=change.kind, number=change.number, subject=subject)

    def _join(self, room: int) -> None:
        self._names += 1
        self.streams.enlist({f"W{self._names:02d}": room}, simulated=self.simulated)

    def distance(self, patience: float) -> Fraction:
        """See ``Rig``. A system that acts only on its periodic checks has its clock advanced meanwhile."""
        streams = self.streams
        found = FAR
        looks = 0

        def close_enough() -> bool:
            nonlocal found, looks
            looks += 1
            if 5 < looks <= 5 + CHECKS:
                streams.let_a_check_pass()
            now = self._seen = snapshot_looked_at(streams.look())
            known = now is not None and set(now.capacities) == set(streams.workers) and set(now.streams) == set(streams.names)
            found = distances(now)[1] if now is not None and known else FAR
            return found <= TOLERANCE

        until(close_enough, within=patience, every=0.05)
        return found
