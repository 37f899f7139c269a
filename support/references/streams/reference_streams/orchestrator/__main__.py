"""``python -m reference_streams.orchestrator``: configured by environment variables, ends by SIGTERM."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress

from .. import logs, service, variants
from ..clock import Clock
from . import settings as settings_module
from .api import Api
from .catalogue import Catalogue
from .fleet import Fleet
from .metrics import Metrics
from .peers import Peers
from .settings import Settings
from .store import Store
from .upkeep import Upkeep


async def serve(settings: Settings, listener: socket.socket) -> None:
    """Run until told to end. Raises what ended the program otherwise."""
    end = service.told_to_end()
    clock, peers, metrics = Clock(), Peers(settings.network_timeout), Metrics()
    store = Store(settings.database_url, settings.network_timeout)
    fleet = Fleet(store, peers, clock, metrics)
    catalogue = Catalogue(settings.catalogue_url, peers, fleet)
    upkeep = Upkeep(settings, store, fleet, catalogue, peers, clock, metrics)
    server = service.server(Api(fleet, catalogue, store, metrics, upkeep.ready).app())
    serving, working, ending = (asyncio.create_task(c) for c in (server.serve([listener]), upkeep.run(), end.wait()))
    logs.log.info("started", listen=settings.listen)
    await asyncio.wait({serving, working, ending}, return_when=asyncio.FIRST_COMPLETED)
    logs.log.info("ending")
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working
    upkeep.ready.clear()
    fleet.membership.close()
    server.should_exit = True
    await serving
    await peers.close()
    await store.close()


def main() -> None:
    settings = settings_module.from_environment(os.environ)
    logs.set_up("orchestrator")
    variants.load()
    asyncio.run(serve(settings, service.bind(settings.listen)))


if __name__ == "__main__":
    main()
