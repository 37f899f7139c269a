"""One direction of a relayed connection: chunks are taken in at once and passed on when the link lets them."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter

_CHUNK = 64 * 1024
_MOST_HELD = 4 * 1024 * 1024  # bytes that a direction holds back before the sender's own buffers fill up


class Way:
    """One direction of a link: how its chunks are treated, and what was done to them. Shared by all its connections."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.delay = 0.0
        self.gate = asyncio.Event()
        self.gate.set()

    def set(self, mode: str, delay: float) -> None:
        self.delay = delay if mode == "delay" else 0.0
        if mode == "silent":
            self.gate.clear()
        else:
            self.gate.set()

    def receive(self, size: int) -> float:
        """Count what came in; returns when it is due (monotonic s). The begin and the end of a connection count as one byte."""
        if not self.gate.is_set():
            self.counts["silenced_bytes"] += size
        elif self.delay:
            self.counts["delayed_bytes"] += size
        return time.monotonic() + self.delay


class Flow:
    """One direction of one connection. An empty chunk is its FIN, None its RST."""

    def __init__(self, way: Way, opposite: Way) -> None:
        self._way = way
        self._opposite = opposite
        self._chunks: asyncio.Queue[tuple[float, bytes | None]] = asyncio.Queue()
        self._held = 0
        self._room = asyncio.Event()
        self._room.set()

    async def read(self, source: socket.socket) -> None:
        """Take in what ``source`` says, until its end."""
        loop = asyncio.get_running_loop()
        while True:
            await self._room.wait()
            try:
                chunk: bytes | None = await loop.sock_recv(source, _CHUNK)
            except OSError:
                chunk = None
            size = len(chunk or b"")
            self._chunks.put_nowait((self._way.receive(size or 1), chunk))
            self._hold(size)
            if not chunk:
                return

    async def write(self, sink: socket.socket) -> None:
        """Pass on what came in, each chunk when it is due and while the way is open. ConnectionError: one side was reset."""
        while True:
            due, chunk = await self._chunks.get()
            while (left := due - time.monotonic()) > 0:  # the loop's timers come up to a millisecond early
                await asyncio.sleep(left)
            await self._way.gate.wait()
            if chunk is None:
                raise ConnectionResetError
            if not chunk:
                sink.shutdown(socket.SHUT_WR)
                return
            await self._send(sink, memoryview(chunk))
            self._hold(-len(chunk))

    async def _send(self, sink: socket.socket, rest: memoryview) -> None:
        while rest:
            await self._way.gate.wait()
            try:
                sent = sink.send(rest)
            except BlockingIOError:
                await _writable(sink)
            except OSError:
                await self._opposite.gate.wait()  # the news that the sink is gone travels the other way
                raise
            else:
                self._way.counts["bytes"] += sent
                rest = rest[sent:]

    def _hold(self, size: int) -> None:
        self._held += size
        if self._held < _MOST_HELD:
            self._room.set()
        else:
            self._room.clear()


async def _writable(stream: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(stream, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(stream)
