"""The virtual clock of a scope (contract: "Clock"): real time that can be turned forward, in steps that everybody has followed.

Events: clock {epoch, virtual}: an epoch began, at this virtual time (seconds); clock-late {epoch, names}: these programs did not
follow in time and are waited for no longer.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from support.observer.held import first_of
from support.observer.rpc import Handler
from support.observer.scope import Scope
from support.observer.server import Observer

HOLD_SECONDS = 20.0
FOLLOW_SECONDS = 10.0


@dataclass
class Follower:
    """A program that asks with its epoch. ``held`` counts its waiting requests."""

    epoch: int = -1
    held: int = 0


class Clock:
    """Virtual seconds since 1970 at first; one epoch for each step by which it was turned."""

    def __init__(self, scope: Scope) -> None:
        self.epoch = 0
        self.hosted: list[Callable[[], Awaitable[None]]] = []  # followers inside this process: called at each step
        self.followers: dict[str, Follower] = {}
        self._scope = scope
        self._ahead = time.time() - time.monotonic()  # virtual minus monotonic
        self._turned = asyncio.Event()  # set, and replaced, when an epoch begins
        self._news = asyncio.Event()  # set when a follower came, asked or left
        self._advancing = asyncio.Lock()

    @property
    def now(self) -> float:
        return time.monotonic() + self._ahead

    def state(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "base": self.now, "rate": 1}

    async def advance(self, seconds: float, step: float, patience: float) -> list[str]:
        """Turn it forward by ``seconds`` in equal steps of at most ``step``, each followed before the next. The names of those who did not follow."""
        late: list[str] = []
        steps = math.ceil(seconds / step - 1e-9)
        async with self._advancing:
            for _ in range(steps):
                self._turn(seconds / steps)
                await asyncio.gather(*(follow() for follow in self.hosted))
                late += await self._followed(patience)
        return late

    async def answer(self, name: str, epoch: int | None, request: Request) -> dict[str, Any]:
        """What ``name`` is told, after the hold that asking with the present epoch means."""
        if epoch is None:
            return self.state()
        follower = self.followers.setdefault(name, Follower())
        follower.epoch = epoch
        follower.held += 1
        self._news.set()
        present = True
        if epoch == self.epoch:
            present = await first_of(self._turned.wait(), request, HOLD_SECONDS)
        follower.held -= 1
        if not present and not follower.held and self.followers.get(name) is follower:
            del self.followers[name]
            self._news.set()
        return self.state()

    def _turn(self, seconds: float) -> None:
        self.epoch += 1
        self._ahead += seconds
        self._scope.record("clock", by="clock", epoch=self.epoch, virtual=self.now)
        turned, self._turned = self._turned, asyncio.Event()
        turned.set()

    async def _followed(self, patience: float) -> list[str]:
        """Wait until all who follow have asked with the new epoch; whoever takes longer than ``patience`` seconds is dropped and named."""
        deadline = time.monotonic() + patience
        while behind := sorted(name for name, follower in self.followers.items() if follower.epoch < self.epoch):
            self._news.clear()
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await self._news.wait()
            except TimeoutError:
                for name in behind:
                    del self.followers[name]
                self._scope.record("clock-late", by="clock", epoch=self.epoch, names=behind)
                return behind
        return []


async def _advance(scope: Scope, seconds: float, step: float, patience: float = FOLLOW_SECONDS) -> dict[str, Any]:
    clock = scope.part(Clock)
    late = await clock.advance(seconds, step, patience)
    return {"epoch": clock.epoch, "late": late}


async def _state(scope: Scope) -> dict[str, Any]:
    clock = scope.part(Clock)
    return {**clock.state(), "followers": sorted(clock.followers)}


async def _route(scope: Scope, _: list[str], request: Request) -> Response:
    name, epoch = request.query_params.get("name", ""), request.query_params.get("epoch")
    if epoch is not None and not (name and epoch.isdigit()):
        return JSONResponse({"error": "name and a numeric epoch are needed"}, 422)
    return JSONResponse(await scope.part(Clock).answer(name, None if epoch is None else int(epoch), request))


def plug(observer: Observer) -> dict[str, Handler]:
    observer.routes["clock"] = _route
    return {"clock.advance": observer.scoped(_advance), "clock.state": observer.scoped(_state)}
