"""The orchestrator's state as one value: what a decision reads and changes, and what the store loads and saves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Instance:
    """A worker. ``version`` is that of its newest assignment."""

    id: str
    url: str
    capacity: int
    active: bool
    version: int = 0


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream and its owner (None: queued).

    ``held_by`` is the instance that has not yet confirmed that it stopped reading it; until then nobody else is told to
    read it. A stream that left the catalogue stays, unlisted, until then.
    """

    id: str
    address: str
    owner: str | None = None
    held_by: str | None = None
    listed: bool = True

    @property
    def reader(self) -> str | None:
        """Who is told to read it."""
        return self.owner if self.held_by in (None, self.owner) else None


class State:
    """Instances and streams by id. Changing it changes nothing outside until it is saved."""

    def __init__(self, instances: Iterable[Instance], streams: Iterable[Stream], catalogue_version: int) -> None:
        self.instances = {i.id: i for i in instances}
        self.streams = {s.id: s for s in streams}
        self.catalogue_version = catalogue_version
        self.instances_before = dict(self.instances)
        self.streams_before = dict(self.streams)

    @property
    def capacities(self) -> dict[str, int]:
        """Of the active instances."""
        return {i.id: i.capacity for i in self.instances.values() if i.active}

    @property
    def listed(self) -> list[Stream]:
        return [s for s in self.streams.values() if s.listed]

    def owned(self) -> Counter[str]:
        """How many streams each owner has."""
        return Counter(s.owner for s in self.streams.values() if s.owner is not None)

    def assignment(self, instance_id: str) -> list[Stream]:
        """The streams that an instance is told to read."""
        return [s for s in self.streams.values() if s.reader == instance_id]

    def give(self, stream_id: str, owner: str | None) -> None:
        """Make ``owner`` the owner (None: queue it). An active old owner holds it until it has confirmed the stop."""
        stream = self.streams[stream_id]
        if owner == stream.owner:
            return
        holder = stream.held_by or stream.owner
        if holder == owner or not self._active(holder):
            holder = None
        self.streams[stream_id] = replace(stream, owner=owner, held_by=holder)

    def hold(self, stream_id: str, holder: str) -> None:
        """Nobody but ``holder`` may read the stream until it has confirmed the stop."""
        self.streams[stream_id] = replace(self.streams[stream_id], held_by=holder)

    def release(self, instance_id: str) -> None:
        """The instance has stopped what it had to stop (or is gone): what it held is free for the owners."""
        for stream in list(self.streams.values()):
            if stream.held_by == instance_id:
                self._put_or_drop(replace(stream, held_by=None))

    def list(self, stream_id: str, address: str) -> None:
        """The stream is in the catalogue, at this address."""
        known = self.streams.get(stream_id, Stream(stream_id, address))
        self.streams[stream_id] = replace(known, address=address, listed=True)

    def unlist(self, stream_id: str) -> None:
        """The stream left the catalogue."""
        self.give(stream_id, None)
        self._put_or_drop(replace(self.streams[stream_id], listed=False))

    def send_again(self, instance_id: str) -> None:
        """The instance gets a new version of its assignment, whatever is in it."""
        instance = self.instances[instance_id]
        self.instances[instance_id] = replace(instance, version=instance.version + 1)

    def finish(self) -> None:
        """Give a new version to every active instance whose assignment is no longer what it was."""
        changed: set[str | None] = set()
        for stream_id in self.streams.keys() | self.streams_before.keys():
            now, before = self.streams.get(stream_id), self.streams_before.get(stream_id)
            if now is before:
                continue
            told = {(s.reader, s.address) if s and s.reader else None for s in (now, before)}
            if len(told) > 1:
                changed |= {pair[0] for pair in told if pair}
        for instance_id in changed:
            if instance_id and self._active(instance_id) and self._version_kept(instance_id):
                self.send_again(instance_id)

    def _active(self, instance_id: str | None) -> bool:
        return instance_id is not None and self.instances[instance_id].active

    def _version_kept(self, instance_id: str) -> bool:
        before = self.instances_before.get(instance_id)
        return before is not None and before.version == self.instances[instance_id].version

    def _put_or_drop(self, stream: Stream) -> None:
        if stream.listed or stream.held_by:
            self.streams[stream.id] = stream
        else:
            del self.streams[stream.id]
