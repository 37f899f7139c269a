"""The worker's side of being an instance: registers, holds the connection, sends heartbeats, leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx

from ..clock import Clock
from ..logs import log
from .settings import Settings

RETRY = 0.25       # s between attempts to reach the orchestrator
LEAVE_WITHIN = 2.0  # s


class NotActive(Exception):
    """The orchestrator does not know this instance as active: it has to register."""


class Unreachable(Exception):
    """The orchestrator could not be reached, or could not serve."""


class Membership:
    """``streams`` tells what is processed at this moment."""

    def __init__(self, settings: Settings, streams: Callable[[], list[str]]) -> None:
        self._settings, self._streams = settings, streams
        self._path = f"/instances/{settings.instance_id}"
        self._client = httpx.AsyncClient(
            base_url=settings.orchestrator_url, verify=False, trust_env=False, timeout=settings.network_timeout,
        )
        self._active = False
        self._anew = asyncio.Event()

    async def run(self, clock: Clock) -> None:
        """Be a member, for ever."""
        clock.every(self._settings.heartbeat_interval, self._heartbeat_when_active)
        while True:
            try:
                await self._register()
                self._active = True
                await self._stay_connected()
            except NotActive:
                log.warning("no longer active, registering again")
            except Unreachable as error:
                log.warning("not registered", error=str(error))
                await asyncio.sleep(RETRY)
            finally:
                self._active = False

    async def leave(self) -> None:
        """Tell the orchestrator; it will find out by itself where that fails."""
        try:
            async with asyncio.timeout(LEAVE_WITHIN):
                await self._call("DELETE", self._path)
        except (NotActive, Unreachable, TimeoutError) as error:
            log.warning("left without the orchestrator's knowledge", error=repr(error))
        await self._client.aclose()

    async def _register(self) -> None:
        await self._call("POST", "/instances", {
            "instance_id": self._settings.instance_id, "url": self._settings.advertise_url,
            "capacity": self._settings.capacity, "streams": self._streams(),
        })
        log.info("registered", capacity=self._settings.capacity)

    async def _stay_connected(self) -> None:
        """Hold the connection, again and again. Raises NotActive, also when a heartbeat found that out."""
        self._anew.clear()
        connection, anew = asyncio.create_task(self._connect_for_ever()), asyncio.create_task(self._anew.wait())
        try:
            await asyncio.wait({connection, anew}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            connection.cancel()
            anew.cancel()
            await asyncio.gather(connection, anew, return_exceptions=True)
        raise NotActive

    async def _connect_for_ever(self) -> None:
        """Returns when the instance is not active."""
        regained = False
        while True:
            try:
                await self._hold(regained)
            except NotActive:
                return
            except Unreachable as error:
                log.warning("not connected", error=str(error))
                await asyncio.sleep(RETRY)
            regained = True

    async def _hold(self, regained: bool) -> None:
        """Open the connection and return when it ends; a regained one is followed by a heartbeat at once."""
        timeout = httpx.Timeout(self._settings.network_timeout, read=None)
        try:
            async with self._client.stream("GET", f"{self._path}/connection", timeout=timeout) as answer:
                check(answer)
                log.info("connected", regained=regained)
                if regained:
                    await self._heartbeat()
                async for _ in answer.aiter_raw():
                    pass
        except httpx.HTTPError as error:
            raise Unreachable(repr(error)) from error
        log.warning("connection ended")

    async def _heartbeat_when_active(self) -> None:
        if self._active:
            await self._heartbeat()

    async def _heartbeat(self) -> None:
        try:
            await self._call("POST", f"{self._path}/heartbeat", {"streams": self._streams()})
        except NotActive:
            self._anew.set()
        except Unreachable as error:
            log.warning("heartbeat not sent", error=str(error))

    async def _call(self, method: str, path: str, body: Any = None) -> None:
        try:
            check(await self._client.request(method, path, json=body))
        except httpx.HTTPError as error:
            raise Unreachable(repr(error)) from error


def check(answer: httpx.Response) -> None:
    """Raises NotActive or Unreachable for an answer that is no success."""
    if answer.status_code == 404:
        raise NotActive
    if not answer.is_success:
        raise Unreachable(f"{answer.request.method} {answer.request.url.path} was answered {answer.status_code}")
