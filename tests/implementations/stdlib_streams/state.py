"""What the orchestrator knows, and every decision about it: functions that change a copy, nothing is read or written elsewhere.

A stream has an *owner* (whose it is) and a *holder* (who may still be reading it). Giving it to another changes the owner at
once; the new owner is told only after the holder has answered an assignment without it. That is one stream at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from .balance import Scales


class NotActive(Exception):
    """The instance is unknown or inactive."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One worker. ``version`` is that of its newest assignment, ``assigned`` counts the streams that it owns."""

    id: str
    url: str
    capacity: int
    active: bool = True
    version: int = 0
    assigned: int = 0


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream. ``listed``: it is in the catalogue. ``release``: the holder's first version without it, while the holder is not the owner."""

    id: str
    address: str
    listed: bool = True
    owner: str | None = None
    holder: str | None = None
    release: int | None = None


@dataclass
class State:
    """Everything, by id. ``summoned`` are the instances that get a new version even if their streams are the same."""

    instances: dict[str, Instance] = field(default_factory=dict)
    streams: dict[str, Stream] = field(default_factory=dict)
    catalogue_version: int = 0
    summoned: set[str] = field(default_factory=set)

    def copy(self) -> State:
        return State(dict(self.instances), dict(self.streams), self.catalogue_version)

    def active(self, instance_id: str) -> Instance:
        """Raises NotActive."""
        instance = self.instances.get(instance_id)
        if instance is None or not instance.active:
            raise NotActive(instance_id)
        return instance

    def listed(self) -> list[Stream]:
        return [s for s in self.streams.values() if s.listed]

    def told(self) -> dict[str, dict[str, str]]:
        """The assignment of each instance as it is to be sent: stream id → address."""
        lists: dict[str, dict[str, str]] = defaultdict(dict)
        for stream in self.streams.values():
            if stream.owner is not None and stream.owner == stream.holder:
                lists[stream.owner][stream.id] = stream.address
        return lists

    def owned(self) -> dict[str, list[Stream]]:
        """The streams of each active instance."""
        lists: dict[str, list[Stream]] = {i.id: [] for i in self.instances.values() if i.active}
        for stream in self.streams.values():
            if stream.owner is not None:
                lists[stream.owner].append(stream)
        return lists

    def scales(self) -> Scales:
        loads = {instance: len(streams) for instance, streams in self.owned().items()}
        return Scales(loads, {i: self.instances[i].capacity for i in loads}, len(self.listed()))

    def give(self, stream: Stream, owner: str | None) -> None:
        self.streams[stream.id] = replace(stream, owner=owner)


def register(state: State, instance_id: str, url: str, capacity: int, processed: Iterable[str]) -> None:
    """A worker comes, or comes again. An active one keeps what its capacity still holds; a newcomer gets its share."""
    known = state.instances.get(instance_id)
    newcomer = known is None or not known.active
    state.instances[instance_id] = Instance(instance_id, url, capacity, version=known.version if known else 0)
    state.summoned.add(instance_id)
    if newcomer:
        for stream in filter(None, map(state.streams.get, processed)):
            if stream.owner is None and stream.holder is None:  # it reads what nobody has: no other may begin before it has stopped
                state.streams[stream.id] = replace(stream, holder=instance_id)
    kept_first = sorted(state.owned()[instance_id], key=lambda s: (s.holder != instance_id, s.id))
    for stream in kept_first[capacity:]:
        state.give(stream, None)
    place(state)
    if newcomer:
        even_out(state)


def leave(state: State, *instance_ids: str) -> None:
    """Instances are gone, by their own word or not: others take over."""
    for instance_id in instance_ids:
        state.instances[instance_id] = replace(state.instances[instance_id], active=False)
        for stream in state.streams.values():
            if stream.owner == instance_id:
                state.give(stream, None)
    settle(state)
    place(state)


def renew_catalogue(state: State, version: int, addresses: Mapping[str, str]) -> None:
    """The catalogue as it is now, id → address. A version that is not newer changes nothing."""
    if version <= state.catalogue_version:
        return
    state.catalogue_version = version
    for stream in state.streams.values():
        if stream.id not in addresses:
            state.streams[stream.id] = replace(stream, listed=False, owner=None)
    for stream_id, address in addresses.items():
        known = state.streams.get(stream_id, Stream(stream_id, address))
        state.streams[stream_id] = replace(known, address=address, listed=True)
    place(state)


def acknowledge(state: State, instance_id: str, version: int) -> None:
    """The instance has answered this version: it holds no longer what is not in it."""
    for stream in state.streams.values():
        if stream.holder == instance_id and stream.release is not None and stream.release <= version:
            state.streams[stream.id] = replace(stream, holder=None)


def place(state: State) -> None:
    """Queued streams go where most is lacking; one that is still being read rather to its reader."""
    scales = state.scales()
    queued = [s for s in sorted(state.listed(), key=lambda s: s.id) if s.owner is None]
    for stream in list(queued):
        if stream.holder in scales.loads and scales.lacks(stream.holder):
            scales.loads[stream.holder] += 1
            state.give(stream, stream.holder)
            queued.remove(stream)
    for stream, receiver in zip(queued, scales.place(), strict=False):
        state.give(stream, receiver)


def even_out(state: State) -> None:
    """Move the fewest streams with which everybody has its share, rounded down or up."""
    owned = state.owned()
    for donor, receiver in state.scales().moves():
        # Rather one that its reader gets back, or that the donor does not read yet: nobody has to stop for it.
        stream = min(owned[donor], key=lambda s: (s.holder != receiver, s.holder == donor, s.id))
        owned[donor].remove(stream)
        state.give(stream, receiver)


def settle(state: State) -> None:
    """Who is gone holds nothing, and what nobody holds may begin."""
    for stream in list(state.streams.values()):
        holder = stream.holder
        if holder is not None and not state.instances[holder].active:
            holder = None
        if not stream.listed and holder is None:
            del state.streams[stream.id]
        else:
            state.streams[stream.id] = replace(stream, holder=holder or stream.owner)


def conclude(before: State, after: State) -> None:
    """Bring holders, versions and counters of a changed copy in line, before it is stored."""
    settle(after)
    old, new, owned = before.told(), after.told(), after.owned()
    for instance in after.instances.values():
        changed = instance.id in after.summoned or old.get(instance.id) != new.get(instance.id)
        version = instance.version + 1 if instance.active and changed else instance.version
        after.instances[instance.id] = replace(instance, version=version, assigned=len(owned.get(instance.id, ())))
    after.summoned.clear()
    for stream in after.streams.values():
        release = None
        if stream.holder is not None and stream.holder != stream.owner:
            release = stream.release or after.instances[stream.holder].version
        after.streams[stream.id] = replace(stream, release=release)
