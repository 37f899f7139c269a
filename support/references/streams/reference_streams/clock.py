"""Time: real, or virtual where a clock address is given. Policies take their time from here and from nowhere else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

from .logs import log

HELD = 30.0          # s: the clock answers a held request after 20 s
RETRY = 0.2          # s between attempts to reach the clock


@dataclass
class Job:
    """Something that is due every ``interval`` seconds. Turning the clock waits up to ``patience`` real seconds for it."""

    interval: float
    run: Callable[[], Awaitable[None]]
    patience: float
    due: float
    task: asyncio.Task[None] | None = field(default=None)


class Clock:
    """``now()`` in seconds and jobs that follow it. Real until ``follow`` has heard from a virtual clock."""

    def __init__(self) -> None:
        self._base = self._since = time.monotonic()
        self._rate = 1.0
        self._jobs: list[Job] = []
        self._turned = asyncio.Event()

    def now(self) -> float:
        return self._base + self._rate * (time.monotonic() - self._since)

    def every(self, interval: float, run: Callable[[], Awaitable[None]], patience: float = 5.0) -> None:
        """Run ``run`` whenever another ``interval`` has passed; once only if several have, and never beside itself."""
        self._jobs.append(Job(interval, run, patience, self.now() + interval))
        self._turned.set()

    async def run(self) -> None:
        """Start jobs when they are due, for ever."""
        while True:
            self._turned.clear()
            self._start_due()
            wait = min((job.due for job in self._jobs), default=float("inf")) - self.now()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._turned.wait(), wait if self._rate and wait < float("inf") else None)

    async def follow(self, url: str, name: str, first: asyncio.Event) -> None:
        """Keep to the virtual clock at ``url`` for ever; ``first`` is set once its time is known."""
        epoch: int | None = None
        async with httpx.AsyncClient(verify=False, trust_env=False, timeout=HELD) as client:
            while True:
                try:
                    answer = await client.get(httpx.URL(url).copy_merge_params({"name": name} if epoch is None else {"name": name, "epoch": epoch}))
                    fresh = answer.raise_for_status().json()
                    self._set(fresh["base"], fresh["rate"])
                except (httpx.HTTPError, ValueError, KeyError) as error:
                    log.warning("clock not reached", error=repr(error))
                    await asyncio.sleep(RETRY)
                    continue
                first.set()
                if fresh["epoch"] != epoch:
                    epoch = fresh["epoch"]
                    await self._settle()

    def _set(self, base: float, rate: float) -> None:
        self._base, self._rate, self._since = base, rate, time.monotonic()
        self._turned.set()

    def _start_due(self) -> None:
        now = self.now()
        for job in self._jobs:
            if now < job.due:
                continue
            job.due += job.interval * (1 + (now - job.due) // job.interval)
            if job.task is None or job.task.done():
                job.task = asyncio.create_task(self._guarded(job))

    @staticmethod
    async def _guarded(job: Job) -> None:
        try:
            await job.run()
        except Exception as error:  # noqa: BLE001 - a job that failed is due again after its interval
            log.error("periodic job failed", error=repr(error), exc_info=True)

    async def _settle(self) -> None:
        """Do what is due now, and wait for it."""
        self._start_due()
        running = [job for job in self._jobs if job.task and not job.task.done()]
        await asyncio.gather(*(asyncio.wait([job.task], timeout=job.patience) for job in running if job.task))
