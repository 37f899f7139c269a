"""Takes assignments to one worker, again and again until the newest is acknowledged. Each worker has its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ..logs import correlation_id, log
from .peers import PeerError, Peers
from .store import UNREACHABLE

PAUSES = (0.05, 0.1, 0.2, 0.5, 1.0)  # s between attempts; the last one from then on


@dataclass(frozen=True)
class Assignment:
    """The whole list that a worker is to process: (stream id, address)."""

    version: int
    streams: tuple[tuple[str, str], ...]

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(stream_id for stream_id, _ in self.streams)

    def to_json(self) -> dict[str, Any]:
        return {"version": self.version, "streams": [{"id": i, "address": a} for i, a in self.streams]}


Acknowledged = Callable[[str, Assignment], Awaitable[None]]


class Courier:
    """``acknowledged`` is called with each assignment that the worker confirmed; only then does it count as delivered."""

    def __init__(self, instance_id: str, url: str, peers: Peers, acknowledged: Acknowledged) -> None:
        self.instance_id = instance_id
        self.url = url
        self.delivered = asyncio.Event()
        self._peers = peers
        self._acknowledged = acknowledged
        self._newest: Assignment | None = None
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def deliver(self, assignment: Assignment) -> None:
        """From now on this is what the worker shall have. An older one that is on its way is given up."""
        self._newest = assignment
        self.delivered.clear()
        self._news.set()

    def try_now(self) -> None:
        """The worker is back: begin anew with what it has not acknowledged yet, without waiting for the next attempt."""
        if self._newest and not self.delivered.is_set():
            self.deliver(self._newest)

    def stop(self) -> None:
        self._task.cancel()
        self.delivered.set()

    async def _run(self) -> None:
        correlation_id.set(None)  # it lives longer than the request that brought it about
        while True:
            await self._news.wait()
            self._news.clear()
            trip = asyncio.create_task(self._until_delivered())
            news = asyncio.create_task(self._news.wait())
            try:
                await asyncio.wait({trip, news}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                trip.cancel()
                news.cancel()
                await asyncio.gather(trip, news, return_exceptions=True)

    async def _until_delivered(self) -> None:
        assignment = self._newest
        assert assignment
        attempt = 0
        while True:
            try:
                await self._peers.call("PUT", f"{self.url}/assignment", assignment.to_json())
                await asyncio.shield(self._acknowledged(self.instance_id, assignment))
            except PeerError as error:
                log.warning("assignment not delivered", instance=self.instance_id, version=assignment.version, error=str(error))
            except UNREACHABLE as error:
                log.error("acknowledgement not saved", instance=self.instance_id, error=type(error).__name__)
            else:
                if assignment is self._newest:
                    self.delivered.set()
                return
            await asyncio.sleep(PAUSES[min(attempt, len(PAUSES) - 1)])
            attempt += 1
