"""What is done without anybody asking: start-up, disconnects, silence, the catalogue, balance, health checks."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

from ..clock import Clock
from ..logs import log
from .catalogue import Catalogue
from .fleet import Fleet
from .metrics import Metrics
from .peers import PeerError, Peers
from .settings import Settings
from .store import UNREACHABLE, Store

LOOK = 0.1         # real s between looks at who is away
STOPPED = 2.0      # real s between two looks that mean that this program itself did not run
CATALOGUE_PATIENCE = 1.0  # real s that the start waits for the catalogue before it serves without one
PAUSE = 0.5        # real s after a failed attempt
EXACTLY = 1.0      # s between looks at who is silent: the boundary shall not depend on the check interval
HEALTH_PATIENCE = 0.5


class Upkeep:
    """``ready`` is set from the moment at which requests can be served."""

    def __init__(self, settings: Settings, store: Store, fleet: Fleet, catalogue: Catalogue, peers: Peers, clock: Clock, metrics: Metrics) -> None:
        self._settings, self._store, self._fleet, self._catalogue = settings, store, fleet, catalogue
        self._peers, self._clock, self._metrics = peers, clock, metrics
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Start, then look after everything, for ever."""
        async with asyncio.TaskGroup() as tasks:
            if self._settings.clock_url:
                heard = asyncio.Event()
                name = f"orchestrator-{self._settings.listen[1]}"
                tasks.create_task(self._clock.follow(self._settings.clock_url, name, heard))
                await heard.wait()
            await self._recover()
            await asyncio.wait({tasks.create_task(self._first_catalogue())}, timeout=CATALOGUE_PATIENCE)
            self._fleet.membership.grant_anew(self._clock.now())
            self.ready.set()
            self._clock.every(min(EXACTLY, self._settings.check_interval), self._check_heartbeats)
            self._clock.every(self._settings.check_interval, self._check)
            self._clock.every(self._settings.health_check_interval, self._check_health, HEALTH_PATIENCE)
            tasks.create_task(self._clock.run())
            await self._watch()

    async def _recover(self) -> None:
        while True:
            try:
                await self._store.open()
                return await self._fleet.recover()
            except UNREACHABLE as error:
                log.error("database not reached", error=type(error).__name__, host=urlsplit(self._settings.database_url).hostname)
                await asyncio.sleep(PAUSE)

    async def _watch(self) -> None:
        """Look every tenth of a second who has been away for too long. Time in which this program was stopped does not count."""
        last = time.monotonic()
        while True:
            if time.monotonic() - last > STOPPED:
                self._fleet.membership.grant_anew(self._clock.now())
            last = time.monotonic()
            try:
                await self._look()
            except UNREACHABLE as error:
                log.error("database not reached", error=type(error).__name__)
                await asyncio.sleep(PAUSE)
                last = time.monotonic()
            await asyncio.sleep(LOOK)

    async def _look(self) -> None:
        if self._fleet.out_of_step:
            await self._fleet.recover()
        await self._fleet.lose("disconnect", lambda: self._fleet.membership.away_for(self._settings.disconnect_grace))

    async def _first_catalogue(self) -> None:
        """Try until it is there; from then on the check interval looks after it."""
        while not await self._refreshed():
            await asyncio.sleep(PAUSE)

    async def _refreshed(self) -> bool:
        try:
            await self._catalogue.refresh()
        except (PeerError, *UNREACHABLE) as error:
            log.warning("catalogue not refreshed", error=repr(error))
            return False
        return True

    async def _check_heartbeats(self) -> None:
        timeout = self._settings.heartbeat_timeout
        await self._fleet.lose("heartbeat", lambda: self._fleet.membership.silent_for(timeout, self._clock.now()))

    async def _check(self) -> None:
        """What no event has told."""
        await self._refreshed()
        await self._fleet.check_balance()

    async def _check_health(self) -> None:
        await asyncio.gather(*(self._ask(m.instance_id, m.courier.url) for m in list(self._fleet.membership.members.values())))

    async def _ask(self, instance_id: str, url: str) -> None:
        try:
            await self._peers.call("GET", f"{url}/health")
        except PeerError as error:
            self._metrics.health_check_failed()
            log.warning("health check failed", instance=instance_id, error=str(error))
