"""Holding a request until something happens, and noticing when the client does not wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

from starlette.requests import Request


async def first_of(happening: Awaitable[Any], request: Request, timeout: float | None = None) -> bool:
    """Wait for ``happening``, at most ``timeout`` seconds. False if the client's connection ended before that.

    ``happening`` is cancelled when it is not waited for any longer; shield what others wait for, too.
    """
    waiting = asyncio.ensure_future(happening)
    gone = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((waiting, gone), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        return not gone.done()
    finally:
        waiting.cancel()
        gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
