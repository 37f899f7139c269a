"""The one who decides. Decisions are made one after another, each on the newest state, each in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from ..clock import Clock
from ..logs import log
from . import placing
from .courier import Assignment
from .membership import Membership
from .metrics import Metrics
from .peers import Peers
from .state import Instance, State
from .store import UNREACHABLE, Occasion, Store, changes_of_owner


class NotActive(Exception):
    """The instance is unknown or not active: it has to register."""


@dataclass(frozen=True)
class Registration:
    """What a worker says of itself; ``streams`` is what it processes at this moment."""

    instance_id: str
    url: str
    capacity: int
    streams: tuple[str, ...]


class Fleet:
    """Registrations, leaves, losses, catalogue changes and rebalances, and what follows from each.

    Every method that decides raises one of ``UNREACHABLE`` when the database is away. Then it is unknown whether the
    decision was saved; ``out_of_step`` says that ``recover`` has to be called once the database is back.
    """

    def __init__(self, store: Store, peers: Peers, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._one_at_a_time = asyncio.Lock()
        self.membership = Membership(peers, self.acknowledged)
        self.out_of_step = True

    async def recover(self) -> None:
        """Take over what the database says, and grant every instance a full grace and heartbeat time-out from now on."""
        async with self.decide(Occasion("recovery")) as state:
            placing.settle(state)
        self.membership.grant_anew(self._clock.now())
        self.out_of_step = False

    async def register(self, registration: Registration) -> tuple[Instance, int]:
        """Make the instance active: a new one gets its share, a known one keeps what its capacity holds. Returns it and its count."""
        async with self.decide(Occasion("registration")) as state:
            newcomer = registration.instance_id not in state.capacities
            admit(state, registration)
            placing.settle(state, fully=newcomer)
            state.send_again(registration.instance_id)
        self.membership.registered(registration.instance_id, self._clock.now())
        return state.instances[registration.instance_id], state.owned()[registration.instance_id]

    async def leave(self, instance_id: str) -> None:
        """Raises NotActive."""
        async with self.decide(Occasion("leave")) as state:
            if instance_id not in state.capacities:
                raise NotActive(instance_id)
            deactivate(state, instance_id)
            placing.settle(state)

    async def lose(self, trigger: str, gone: Callable[[], list[str]]) -> None:
        """Whoever is ``gone`` (asked again when it is this decision's turn) left without a word; others take over."""
        if not gone():
            return
        async with self.decide(Occasion(trigger)) as state:
            for instance_id in gone():
                log.warning("instance lost", instance=instance_id, trigger=trigger)
                deactivate(state, instance_id)
            placing.settle(state)

    async def heartbeat(self, instance_id: str, streams: list[str]) -> int:
        """The version of its newest assignment; what it says it processes is its own affair. Raises NotActive."""
        member = self.membership.members.get(instance_id)
        if member is None:
            raise NotActive(instance_id)
        member.heard = self._clock.now()
        return member.version

    async def catalogue(self, version: int, addresses: dict[str, str]) -> None:
        """The catalogue has become this (stream id → address)."""
        async with self.decide(Occasion("catalogue")) as state:
            state.catalogue_version = version
            for stream in state.listed:
                if stream.id not in addresses:
                    state.unlist(stream.id)
            for stream_id, address in addresses.items():
                state.list(stream_id, address)
            placing.settle(state)

    async def check_balance(self) -> None:
        """Place and level whatever no event has told."""
        async with self.decide(Occasion("imbalance")) as state:
            placing.settle(state)

    async def rebalance(self) -> tuple[str, int]:
        """Move to a target. Returns the trigger's id and the number of moves, once all of them have ended."""
        occasion = Occasion("manual")
        async with self.decide(occasion) as state:
            placing.settle(state, fully=True)
        moved = changes_of_owner(state)
        await self.membership.delivered({i for _, old, new in moved for i in (old, new) if i})
        return occasion.id, len(moved)

    async def acknowledged(self, instance_id: str, assignment: Assignment) -> None:
        """The instance processes exactly this: what else it held is free for the owners, unless it has been overtaken."""
        member = self.membership.members.get(instance_id)
        if member is None or not member.holding:
            return
        async with self.decide(Occasion("registration")) as state:
            if state.instances[instance_id].version == assignment.version:
                state.release(instance_id)

    @asynccontextmanager
    async def decide(self, occasion: Occasion) -> AsyncIterator[State]:
        """One decision: the state to change; saved at the end, and told to those whom it concerns."""
        async with self._one_at_a_time:
            try:
                async with self._store.change(occasion) as state:
                    yield state
            except UNREACHABLE:
                self.out_of_step = True
                raise
            self.membership.follow(state, self._clock.now())
            self._metrics.decided(state)
            if changes := changes_of_owner(state):
                log.info("decided", trigger=occasion.trigger, trigger_id=occasion.id, changes=len(changes))


def admit(state: State, registration: Registration) -> None:
    """Make the instance active, as it describes itself. What it still reads of queued streams it holds until it has stopped."""
    known = state.instances.get(registration.instance_id)
    state.instances[registration.instance_id] = Instance(
        registration.instance_id, registration.url, registration.capacity, active=True, version=known.version if known else 0,
    )
    if known is None or not known.active:
        for stream_id in registration.streams:
            stream = state.streams.get(stream_id)
            if stream and stream.owner is None and stream.held_by is None:
                state.hold(stream_id, registration.instance_id)


def deactivate(state: State, instance_id: str) -> None:
    """The instance takes no part any more; it is not asked to stop anything."""
    state.instances[instance_id] = replace(state.instances[instance_id], active=False)
    state.release(instance_id)
