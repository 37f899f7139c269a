"""The client of the stream source: one connection a stream, kept open from segment to segment.

Built on h11, since a worker holds a hundred requests at once: a pooling client spends ten times the processor on that.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

import h11

CHUNK = 64 * 1024  # bytes


class SourceError(Exception):
    """The source could not be reached, did not answer in time, or ended the connection."""


@dataclass(frozen=True)
class Answer:
    """``segment`` is the number in X-Segment, if any."""

    status: int
    segment: int | None


class SourceConnection:
    """Requests to one stream's address, one after the other. ``timeout`` is for each whole exchange (s)."""

    def __init__(self, address: str, instance_id: str, timeout: float) -> None:
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._path = parts.path.rstrip("/")
        self._headers = [("Host", parts.netloc), ("X-Reader", instance_id)]
        self._timeout = timeout
        self._wire: tuple[h11.Connection, asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def request(self, method: str, path: str) -> Answer:
        """Raises SourceError; the next request then opens a new connection, as it does after a cancelled one."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(method, self._path + path)
        except (OSError, TimeoutError, h11.ProtocolError, ValueError) as error:
            raise SourceError(f"{method} {path}: {error!r}") from error

    def close(self) -> None:
        if self._wire:
            self._wire[2].close()
            self._wire = None

    async def _exchange(self, method: str, target: str) -> Answer:
        protocol, reader, writer = self._wire or (h11.Connection(h11.CLIENT), *await asyncio.open_connection(self._host, self._port))
        self._wire = protocol, reader, writer
        complete = False
        try:
            request = h11.Request(method=method, target=target, headers=self._headers)
            writer.write((protocol.send(request) or b"") + (protocol.send(h11.EndOfMessage()) or b""))
            status, segment = 0, None
            while not isinstance(event := protocol.next_event(), h11.EndOfMessage):
                if event is h11.NEED_DATA:
                    protocol.receive_data(await reader.read(CHUNK))
                elif isinstance(event, h11.Response):
                    status, number = event.status_code, dict(event.headers).get(b"x-segment")
                    segment = int(number) if number is not None else None
                elif isinstance(event, h11.ConnectionClosed):
                    raise ConnectionError("the source ended the connection")
            complete = protocol.our_state is h11.DONE and protocol.their_state is h11.DONE
            if complete:
                protocol.start_next_cycle()
            return Answer(status, segment)
        finally:
            if not complete:
                self.close()
