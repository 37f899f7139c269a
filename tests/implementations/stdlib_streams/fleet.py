"""The orchestrator's one mind: every change passes through here, one at a time, stored before anybody is told."""

from __future__ import annotations

import socket
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

from . import state as decide
from .client import CallFailed, call
from .settings import correlation_id, log
from .state import Instance, NotActive, State
from .store import Store, StoreUnavailable, changes

RETRY_SECONDS = 0.5


@dataclass(frozen=True)
class Timing:
    """Seconds, all real."""

    grace: float
    heartbeat_timeout: float
    network_timeout: float


@dataclass(frozen=True)
class Outcome:
    """What one occasion came to: how many streams went from one living owner to another, and all that changed hands."""

    trigger_id: str
    moves: int
    streams: tuple[str, ...]


class Fleet:
    """The state, and what is not stored: connections, when who was last heard of, which version who has answered."""

    def __init__(self, store: Store, timing: Timing) -> None:
        self._store = store
        self._timing = timing
        self._changed = threading.Condition()  # its lock guards everything here
        self._state = State()
        self._loaded = False
        self._connections: dict[str, socket.socket] = {}
        self._alone: dict[str, float] = {}  # active without a connection, since
        self._heard: dict[str, float] = {}
        self._answered: dict[str, int] = {}
        self.moves = 0

    # What callers ask

    def register(self, instance_id: str, url: str, capacity: int, processed: Iterable[str]) -> Instance:
        with self._changed:
            self._change("registration", lambda s: decide.register(s, instance_id, url, capacity, processed))
            self._heard[instance_id] = monotonic()
            if instance_id not in self._connections:
                self._alone[instance_id] = monotonic()
                self._changed.notify_all()
            self._correct()
            return self._state.instances[instance_id]

    def leave(self, instance_id: str) -> None:
        with self._changed:
            self._gone("leave", instance_id)

    def heartbeat(self, instance_id: str, processed: list[str]) -> int:
        """The newest version. An instance that processes something else than it has answered is told again."""
        with self._changed:
            version = self._known().active(instance_id).version
            self._heard[instance_id] = monotonic()
            self.compare(instance_id, processed)
            return version

    def compare(self, instance_id: str, processed: list[str]) -> None:
        with self._changed:
            version = self._known().active(instance_id).version
            if self._answered.get(instance_id) == version and set(processed) != self._state.told()[instance_id].keys():
                log.warning("told again", extra={"data": {"instance_id": instance_id, "version": version}})
                self._tell(instance_id, version)

    def connect(self, instance_id: str, connection: socket.socket) -> None:
        with self._changed:
            self._known().active(instance_id)
            _end(self._connections.get(instance_id))
            self._connections[instance_id] = connection
            self._alone.pop(instance_id, None)

    def connection_ended(self, instance_id: str, connection: socket.socket) -> None:
        with self._changed:
            if self._connections.get(instance_id) is connection:
                del self._connections[instance_id]
                self._alone[instance_id] = monotonic()
                self._changed.notify_all()

    def renew_catalogue(self, version: int, addresses: Mapping[str, str]) -> None:
        with self._changed:
            self._change("catalogue", lambda s: decide.renew_catalogue(s, version, addresses))
            self._correct()

    def rebalance(self) -> Outcome:
        """Returns when every new owner has answered an assignment with its streams."""
        with self._changed:
            outcome = self._change("manual", decide.even_out)
            self._changed.wait_for(lambda: self._settled(outcome.streams))
            return outcome

    def snapshot(self) -> State:
        with self._changed:
            return self._known()

    def check_store(self) -> None:
        """Raises StoreUnavailable."""
        with self._changed:
            self._known()
            try:
                self._store.check()
            except StoreUnavailable:
                self._lose()
                self._load()

    # What time brings

    def watch(self) -> None:
        """For ever: load (again) what is not loaded, and see who has been away, or silent, for too long."""
        while True:
            with self._changed:
                try:
                    if not self._loaded:
                        self._load()
                    self._changed.wait(self._expire())
                except StoreUnavailable as error:
                    log.error("database unavailable", extra={"data": {"error": str(error)}})
                    self._changed.wait(RETRY_SECONDS)

    def _expire(self) -> float:
        """Returns the seconds until somebody is due next."""
        limits = (("disconnect", self._alone, self._timing.grace), ("heartbeat", self._heard, self._timing.heartbeat_timeout))
        for trigger, since, limit in limits:
            late = [i for i, start in since.items() if monotonic() - start > limit]
            if late:
                self._gone(trigger, *late)
        return max(0.001, min((start + limit - monotonic() for _, since, limit in limits for start in since.values()), default=60.0))

    def correct(self) -> None:
        with self._changed:
            self._known()
            self._correct()

    # How a change is made

    def _change(self, trigger: str, decision: Callable[[State], None]) -> Outcome:
        """Decide on a copy, store it, and only then believe it and tell whom it concerns. Raises StoreUnavailable, NotActive."""
        before = self._known()
        trigger_id = uuid.uuid4().hex
        try:
            after = self._stored(before, decision, trigger, trigger_id)
        except StoreUnavailable:  # perhaps only the connection: once more, from what the database says
            self._load()
            before = self._state
            after = self._stored(before, decision, trigger, trigger_id)
        self._state = after
        moved = changes(before, after)
        moves = sum(1 for _, old, new in moved if old and new and after.instances[old].active)
        self.moves += moves
        if moved:
            data = {"trigger": trigger, "trigger_id": trigger_id, "streams": len(moved), "moves": moves}
            log.info("assignments changed", extra={"data": data})
        for instance in after.instances.values():
            known = before.instances.get(instance.id)
            if known is None or known.version != instance.version:
                self._tell(instance.id, instance.version)
        self._changed.notify_all()
        return Outcome(trigger_id, moves, tuple(s for s, _, _ in moved))

    def _stored(self, before: State, decision: Callable[[State], None], trigger: str, trigger_id: str) -> State:
        after = before.copy()
        decision(after)
        decide.conclude(before, after)
        if after != before:
            try:
                self._store.save(before, after, trigger, trigger_id)
            except StoreUnavailable:
                self._lose()
                raise
        return after

    def _correct(self) -> None:
        if self._state.scales().tilted():
            self._change("imbalance", decide.even_out)

    def _gone(self, trigger: str, *instance_ids: str) -> None:
        for instance_id in instance_ids:
            self._known().active(instance_id)
        self._change(trigger, lambda s: decide.leave(s, *instance_ids))
        for instance_id in instance_ids:
            log.info("instance gone", extra={"data": {"instance_id": instance_id, "trigger": trigger}})
            for since in (self._alone, self._heard, self._answered):
                since.pop(instance_id, None)
            _end(self._connections.pop(instance_id, None))
        self._correct()

    def _known(self) -> State:
        if not self._loaded:
            raise StoreUnavailable("not loaded")
        return self._state

    def _lose(self) -> None:
        """What we know may not be what is stored. ``watch`` loads it again, if nobody does before."""
        self._loaded = False
        self._changed.notify_all()

    def _load(self) -> None:
        """Everybody who is active gets the full grace and the full heartbeat time-out from here on, and is told again where it stands."""
        self._state = self._store.load()
        self._loaded = True
        active = [i for i in self._state.instances.values() if i.active]
        self._heard = {i.id: monotonic() for i in active}
        self._alone = {i.id: monotonic() for i in active if i.id not in self._connections}
        for instance in active:
            self._tell(instance.id, instance.version)
        log.info("state loaded", extra={"data": {"active": len(active), "streams": len(self._state.streams)}})
        self._changed.notify_all()

    # How the workers are told

    def _tell(self, instance_id: str, version: int) -> None:
        """A thread of its own for each version: one that a worker is slow to answer does not keep the next from it."""
        self._answered.pop(instance_id, None)
        threading.Thread(target=self._deliver, args=(instance_id, version, correlation_id.get()), daemon=True).start()

    def _deliver(self, instance_id: str, version: int, correlation: str | None) -> None:
        correlation_id.set(correlation)
        while (order := self._order(instance_id, version)) is not None:
            url, body = order
            try:
                answer = call("PUT", f"{url}/assignment", self._timing.network_timeout, body)
                if answer.status == 200 and answer.body.get("version") == version:
                    return self._acknowledge(instance_id, version)
                problem = f"answer {answer.status}"
            except (CallFailed, StoreUnavailable) as error:
                problem = str(error)
            log.warning("assignment not delivered", extra={"data": {"instance_id": instance_id, "version": version, "problem": problem}})
            with self._changed:
                self._changed.wait_for(lambda: not self._newest(instance_id, version), RETRY_SECONDS)
        return None

    def _order(self, instance_id: str, version: int) -> tuple[str, dict[str, Any]] | None:
        """Where and what to send, or None when it is no longer to be sent."""
        with self._changed:
            if not self._newest(instance_id, version):
                return None
            streams = [{"id": i, "address": a} for i, a in self._state.told()[instance_id].items()]
            return self._state.instances[instance_id].url, {"version": version, "streams": streams}

    def _newest(self, instance_id: str, version: int) -> bool:
        instance = self._state.instances.get(instance_id)
        return instance is not None and instance.active and instance.version == version

    def _acknowledge(self, instance_id: str, version: int) -> None:
        with self._changed, suppress(NotActive):
            self._known().active(instance_id)
            self._change("recovery", lambda s: decide.acknowledge(s, instance_id, version))
            self._answered[instance_id] = max(version, self._answered.get(instance_id, 0))
            self._changed.notify_all()

    def _settled(self, streams: Iterable[str]) -> bool:
        """Whether each is with its owner (if it has one), who has answered its newest assignment."""
        for stream in filter(None, map(self._state.streams.get, streams)):
            if stream.owner is None:
                continue
            if stream.holder != stream.owner or self._answered.get(stream.owner) != self._state.instances[stream.owner].version:
                return False
        return True


def _end(connection: socket.socket | None) -> None:
    if connection is not None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
