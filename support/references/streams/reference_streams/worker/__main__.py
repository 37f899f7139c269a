"""``python -m reference_streams.worker``: configured by environment variables, ends by SIGTERM."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress

from .. import logs, service, variants
from ..clock import Clock
from . import settings as settings_module
from .api import Api
from .assignment import Processing
from .membership import Membership
from .settings import Settings

STOP_WITHIN = 4.0  # s for the source to acknowledge all stops when the program is told to end


async def work(settings: Settings, processing: Processing, membership: Membership) -> None:
    """Be a member and keep to the clock, for ever."""
    clock = Clock()
    async with asyncio.TaskGroup() as tasks:
        if settings.clock_url:
            heard = asyncio.Event()
            tasks.create_task(clock.follow(settings.clock_url, settings.instance_id, heard))
            await heard.wait()
        tasks.create_task(membership.run(clock))
        tasks.create_task(clock.run())


async def serve(settings: Settings, listener: socket.socket) -> None:
    """Run until told to end. Raises what ended the program otherwise."""
    end = service.told_to_end()
    processing = Processing(settings.instance_id, settings.network_timeout)
    membership = Membership(settings, lambda: processing.streams)
    server = service.server(Api(settings.instance_id, processing).app())
    serving, working, ending = (asyncio.create_task(c) for c in (server.serve([listener]), work(settings, processing, membership), end.wait()))
    await asyncio.wait({serving, working, ending}, return_when=asyncio.FIRST_COMPLETED)
    logs.log.info("ending")
    with suppress(TimeoutError):
        await asyncio.wait_for(processing.end(), STOP_WITHIN)
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working
    await membership.leave()
    server.should_exit = True
    await serving


def main() -> None:
    settings = settings_module.from_environment(os.environ)
    logs.set_up("worker", instance=settings.instance_id)
    variants.load()
    asyncio.run(serve(settings, service.bind(settings.listen)))


if __name__ == "__main__":
    main()
