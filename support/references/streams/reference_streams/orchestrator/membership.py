"""Who is here: the active instances with their connections, heartbeats and couriers. Memory only; the database is the truth."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from .courier import Acknowledged, Assignment, Courier
from .peers import Peers
from .state import State


@dataclass(eq=False)
class Connection:
    """A held connection; ``ended`` is set when the orchestrator wants it to end."""

    ended: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(eq=False)
class Member:
    """``away_since`` (monotonic s) is None while it has a connection; ``heard`` is the time (s, policy clock) of its last heartbeat."""

    instance_id: str
    capacity: int
    version: int
    courier: Courier
    heard: float
    away_since: float | None = field(default_factory=time.monotonic)
    connection: Connection | None = None
    known: bool = False  # it has been connected before
    holding: frozenset[str] = frozenset()


class Membership:
    """The active instances as of the last decision."""

    def __init__(self, peers: Peers, acknowledged: Acknowledged) -> None:
        self.members: dict[str, Member] = {}
        self._peers = peers
        self._acknowledged = acknowledged

    def follow(self, state: State, now: float) -> None:
        """Make the members those that are active in ``state``, and have every new assignment delivered."""
        for instance_id in self.members.keys() - state.capacities.keys():
            self._dismiss(self.members.pop(instance_id))
        for instance_id, capacity in state.capacities.items():
            instance = state.instances[instance_id]
            member = self.members.get(instance_id)
            if member is None:
                courier = Courier(instance_id, instance.url, self._peers, self._acknowledged)
                member = self.members[instance_id] = Member(instance_id, capacity, -1, courier, heard=now)
            member.capacity, member.courier.url = capacity, instance.url
            member.holding = frozenset(s.id for s in state.streams.values() if s.held_by == instance_id)
            if member.version != instance.version:
                member.version = instance.version
                streams = tuple((s.id, s.address) for s in state.assignment(instance_id))
                member.courier.deliver(Assignment(instance.version, streams))

    def registered(self, instance_id: str, now: float) -> None:
        """Its grace and its heartbeat time-out begin."""
        if member := self.members.get(instance_id):
            member.heard = now
            if member.away_since is not None:
                member.away_since = time.monotonic()

    def connect(self, instance_id: str) -> Connection | None:
        """A new connection of an active instance, replacing the one it had; None for others."""
        member = self.members.get(instance_id)
        if member is None:
            return None
        if member.connection:
            member.connection.ended.set()
        if member.known:
            member.courier.try_now()
        member.connection, member.away_since, member.known = Connection(), None, True
        return member.connection

    def disconnected(self, instance_id: str, connection: Connection) -> None:
        """That connection has ended. Means nothing where another has replaced it."""
        member = self.members.get(instance_id)
        if member and member.connection is connection:
            member.connection, member.away_since = None, time.monotonic()

    def away_for(self, grace: float) -> list[str]:
        """The members that have had no connection for longer than ``grace`` real seconds."""
        now = time.monotonic()
        return [m.instance_id for m in self.members.values() if m.away_since is not None and now - m.away_since > grace]

    def silent_for(self, timeout: float, now: float) -> list[str]:
        """The members whose last heartbeat is older than ``timeout`` seconds at the time ``now`` (policy clock)."""
        return [m.instance_id for m in self.members.values() if now - m.heard > timeout]

    def grant_anew(self, now: float) -> None:
        """This program was away itself: everybody's grace and heartbeat time-out begin again."""
        for member in self.members.values():
            member.heard = now
            if member.away_since is not None:
                member.away_since = time.monotonic()

    async def delivered(self, instances: Iterable[str]) -> None:
        """Wait until each of ``instances`` has acknowledged its newest assignment, or is gone."""
        ids = set(instances)
        while waiting := [m.courier for m in self.members.values() if m.instance_id in ids and not m.courier.delivered.is_set()]:
            await waiting[0].delivered.wait()

    def close(self) -> None:
        for member in self.members.values():
            self._dismiss(member)

    @staticmethod
    def _dismiss(member: Member) -> None:
        member.courier.stop()
        if member.connection:
            member.connection.ended.set()
