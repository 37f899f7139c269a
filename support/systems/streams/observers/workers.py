"""Hosted workers: the worker's side of the contract for many instances in this one process.

They are used where the orchestrator's decisions over many instances are judged, and where a real worker cannot misbehave on
command. They read from the source without HTTP, but leave the same events; their stops are held as those of real workers are.

Events, all with ``instance``:

- worker-registered, worker-left {status}: the answer to a registration or leave (0: none came);
- worker-assigned {version, streams}: it takes an assignment; its stops follow;
- worker-dropped: it is cut off from the orchestrator for good, and reads on.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import httpx

from support.observer.clock import Clock
from support.observer.rpc import OperationFailed
from support.observer.scope import Scope
from support.systems.streams.observers.source import Source
from support.tls import trusted

HEARTBEAT_SECONDS = 60.0  # virtual
_RETRY_SECONDS = 0.25
_AT_ONCE_SECONDS = 0.01  # enough to keep an orchestrator that ends every connection from being asked in a circle
_CALL_SECONDS = 30.0
_REGISTERS_WITHIN = 10.0  # after that its connection goes on to try
_LEAVES_WITHIN = 2.0
_ROUND_SECONDS = 0.5


class Worker:
    """One hosted instance. ``url`` is what it registers, ``orchestrator`` the base URL of its orchestrator."""

    def __init__(self, scope: Scope, client: httpx.AsyncClient, name: str, capacity: int, orchestrator: str, url: str) -> None:
        self.name = name
        self.capacity = capacity
        self.cut_off = False
        self.leaving = False
        self._scope = scope
        self._source = scope.part(Source)
        self._clock = scope.part(Clock)
        self._client = client
        self._instances = f"{orchestrator.rstrip('/')}/instances"
        self._url = url
        self._version = -1
        self._processing: set[str] = set()
        self._assigning = asyncio.Lock()
        self._beat_due = self._clock.now + HEARTBEAT_SECONDS
        self._connection: asyncio.Task[None] | None = None

    @property
    def streams(self) -> list[str]:
        return sorted(self._processing)

    # -- towards the orchestrator

    async def register(self) -> int:
        """Register (again). The status of the last answer, 0 if there was none."""
        body = {"instance_id": self.name, "url": self._url, "capacity": self.capacity, "streams": self.streams}
        status = await self._insist("POST", self._instances, _REGISTERS_WITHIN, json=body)
        self._scope.record("worker-registered", by="worker", instance=self.name, status=status)
        return status

    def connect(self) -> None:
        """Open the connection and keep it open."""
        if self._connection is None:
            self._connection = self._scope.spawn(self._stay_connected())

    async def beat(self) -> None:
        """Send a heartbeat if one is due."""
        if self._clock.now >= self._beat_due and self._connection:
            await self._heartbeat()

    async def leave(self) -> int:
        """Stop reading, for good, then say goodbye. The status of the answer."""
        self.leaving = True
        await self._disconnect()
        async with self._assigning:
            await self._process([])
        status = await self._insist("DELETE", f"{self._instances}/{self.name}", _LEAVES_WITHIN)
        self._scope.record("worker-left", by="worker", instance=self.name, status=status)
        return status

    async def drop(self) -> None:
        """End the connection for good and hear nothing from the orchestrator any more; go on reading."""
        self.cut_off = True
        await self._disconnect()
        self._scope.record("worker-dropped", by="worker", instance=self.name)

    # -- towards the source

    def read(self) -> None:
        """Read each of its streams that can be read and is not (a stream may have been away)."""
        for stream in sorted(self._processing & self._source.streams.keys()):
            if not self._source.reads(stream, self.name):
                self._source.begin(stream, self.name)

    # -- from the orchestrator

    async def assign(self, version: int, streams: list[str]) -> bool:
        """Take an assignment; returns when the source has acknowledged every stop. False: a newer one was taken."""
        if version < self._version:
            return False
        self._version = version
        self._scope.record("worker-assigned", by="worker", instance=self.name, version=version, streams=streams)
        async with self._assigning:
            if version < self._version or self.leaving:
                return False
            await self._process(streams)
        return True

    # -- inside

    async def _process(self, streams: list[str]) -> None:
        """Process exactly these."""
        stops = self._processing - set(streams)
        self._processing -= stops
        await asyncio.gather(*(self._source.stopped(stream, self.name) for stream in stops))
        self._processing = set(streams)
        self.read()

    async def _heartbeat(self) -> int:
        self._beat_due = self._clock.now + HEARTBEAT_SECONDS
        status = await self._call("POST", f"{self._instances}/{self.name}/heartbeat", json={"streams": self.streams})
        if status == 404:
            await self.register()
        return status

    async def _stay_connected(self) -> None:
        regained = False
        while True:
            status = await self._hold_connection(regained)
            if status == 404:
                status = await self.register()
            else:
                regained = True
            await asyncio.sleep(_AT_ONCE_SECONDS if status == 200 else _RETRY_SECONDS)

    async def _hold_connection(self, regained: bool) -> int:
        """Hold one connection until it ends. The status of its answer, 0 if there was none."""
        timeout = httpx.Timeout(_CALL_SECONDS, read=None)
        try:
            async with self._client.stream("GET", f"{self._instances}/{self.name}/connection", timeout=timeout) as response:
                if response.status_code == 200:
                    if regained:
                        self._scope.spawn(self._heartbeat())
                    async for _ in response.aiter_raw():
                        pass
                return response.status_code
        except httpx.HTTPError:
            return 0

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await connection

    async def _insist(self, method: str, url: str, within: float, **content: Any) -> int:
        """``_call`` until somebody answers who is able to, at most so long (s): whoever cannot serve at the moment is to be asked again."""
        deadline = time.monotonic() + within
        while True:
            status = await self._call(method, url, **content)
            if 0 < status < 500 or time.monotonic() > deadline:
                return status
            await asyncio.sleep(_RETRY_SECONDS)

    async def _call(self, method: str, url: str, **content: Any) -> int:
        try:
            return (await self._client.request(method, url, **content)).status_code
        except httpx.HTTPError:
            return 0


class Fleet(dict[str, Worker]):
    """The hosted workers of a scope by name."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self._scope = scope
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        self._client = httpx.AsyncClient(timeout=_CALL_SECONDS, limits=limits, trust_env=False, verify=trusted())
        scope.part(Clock).hosted.append(self._beat)
        scope.part(Source)
        scope.closing.push_async_callback(self._close)
        scope.spawn(self._go_on())

    def named(self, name: str) -> Worker:
        if name not in self:
            raise OperationFailed(f"there is no hosted worker {name}")
        return self[name]

    async def register(self, name: str, capacity: int, orchestrator: str, listen: str | None, times: int) -> list[int]:
        """Register one instance ``times`` times at once; the statuses of the answers. From then on it keeps a connection, as a real one does."""
        base = self._scope.urls[listen] if listen else next(iter(self._scope.urls.values()))
        worker = self.get(name)
        if worker is None:
            worker = self[name] = Worker(self._scope, self._client, name, capacity, orchestrator, f"{base}/workers/{name}")
        worker.capacity, worker.cut_off = capacity, False
        statuses = list(await asyncio.gather(*(worker.register() for _ in range(times))))
        worker.connect()
        return statuses

    async def _beat(self) -> None:
        await asyncio.gather(*(worker.beat() for worker in self.values()))

    async def _go_on(self) -> None:
        """What every worker does without being asked."""
        while True:
            await asyncio.sleep(_ROUND_SECONDS)
            for worker in self.values():
                worker.read()
            await self._beat()

    async def _close(self) -> None:
        await self._client.aclose()
