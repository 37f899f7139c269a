"""Open-loop probes: a request at each point of a fixed schedule, whatever became of the ones before.

Events, all with the probe's ``name``:

- probing {url, method, rate, timeout, first}: the schedule, a probe at ``first`` (ns) + k / ``rate`` (1/s);
- probe {scheduled, sent, done, ok, status, error}: one outcome, which belongs to ``scheduled``. ``sent`` null: the prober itself
  failed to send it, so nothing is known;
- probing-ended: no probe is scheduled after this.

Each probe has a connection of its own: what a pool would hide (a dead peer behind a kept connection) is what is looked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from support.observer.rpc import Handler, OperationFailed
from support.observer.scope import Scope
from support.observer.server import Observer

# What keeps a probe from leaving this machine: the tester's trouble, not the system's.
_OWN_TROUBLE = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL}


@dataclass(frozen=True)
class Target:
    """What is asked. A probe is good when the whole answer came within ``timeout`` seconds, with a status 200-299."""

    name: str
    url: str
    rate: float
    timeout: float
    method: str

    async def ask(self) -> int:
        """The status. Raises OSError, TimeoutError, ValueError (no HTTP answer)."""
        url = urlsplit(self.url)
        secure = url.scheme == "https"
        port = url.port or (443 if secure else 80)
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        async with asyncio.timeout(self.timeout):
            reader, writer = await asyncio.open_connection(url.hostname, port, ssl=secure or None)
            try:
                writer.write(f"{self.method} {path} HTTP/1.1\r\nHost: {url.hostname}:{port}\r\nConnection: close\r\n\r\n".encode("ascii"))
                answer = await reader.read(-1)
            finally:
                writer.close()
        protocol, status, *_ = answer.split(b" ", 2)
        if not protocol.startswith(b"HTTP/"):
            raise ValueError("not an HTTP answer")
        return int(status)


class Prober:
    """Probes one target until it is stopped; ``first`` (ns) is when its schedule begins."""

    def __init__(self, scope: Scope, target: Target) -> None:
        self.target = target
        self._scope = scope
        self.first = time.monotonic_ns() + round(1e9 / target.rate)
        self._asking: set[asyncio.Task[None]] = set()
        self._schedule = scope.spawn(self._run())

    async def stop(self) -> None:
        """Schedule no more probes and wait for the answers to those that are out."""
        self._schedule.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._schedule
        await asyncio.gather(*self._asking)
        self._scope.record("probing-ended", by="prober", name=self.target.name)

    async def _run(self) -> None:
        target, period = self.target, round(1e9 / self.target.rate)
        self._scope.record(
            "probing", by="prober", name=target.name, url=target.url, method=target.method,
            rate=target.rate, timeout=target.timeout, first=self.first,
        )  # fmt: skip
        for k in itertools.count():
            scheduled = self.first + round(k * 1e9 / target.rate)
            await asyncio.sleep(max(0, scheduled - time.monotonic_ns()) / 1e9)
            if time.monotonic_ns() - scheduled > period:
                self._record(scheduled, None, error="prober was late")
                continue
            asking = self._scope.spawn(self._probe(scheduled))
            self._asking.add(asking)
            asking.add_done_callback(self._asking.discard)

    async def _probe(self, scheduled: int) -> None:
        sent = time.monotonic_ns()
        try:
            status = await self.target.ask()
        except (OSError, ValueError) as error:  # TimeoutError is an OSError
            own = isinstance(error, OSError) and error.errno in _OWN_TROUBLE
            self._record(scheduled, None if own else sent, error=type(error).__name__)
        else:
            self._record(scheduled, sent, status=status)

    def _record(self, scheduled: int, sent: int | None, *, status: int | None = None, error: str | None = None) -> None:
        done = time.monotonic_ns()
        ok = status is not None and 200 <= status < 300
        self._scope.record(
            "probe", by="prober", t=done, name=self.target.name, scheduled=scheduled, sent=sent, done=done, ok=ok, status=status, error=error
        )


class Probers(dict[str, Prober]):
    """The probers of a scope by name."""

    def __init__(self, _: Scope) -> None:
        super().__init__()


async def _start(scope: Scope, name: str, url: str, rate: float = 20, timeout: float = 1.0, method: str = "GET") -> None:
    probers = scope.part(Probers)
    if name in probers:
        raise OperationFailed(f"probe {name} runs already")
    if urlsplit(url).scheme not in ("http", "https") or "@" in urlsplit(url).netloc:
        raise OperationFailed("a probe needs an http(s) URL without a password")
    probers[name] = Prober(scope, Target(name, url, rate, timeout, method))


async def _stop(scope: Scope, name: str) -> None:
    prober = scope.part(Probers).pop(name, None)
    if prober is None:
        raise OperationFailed(f"no probe {name}")
    await prober.stop()


def plug(observer: Observer) -> dict[str, Handler]:
    handlers: dict[str, Any] = {"probe.start": observer.scoped(_start), "probe.stop": observer.scoped(_stop)}
    return handlers
