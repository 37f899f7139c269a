"""What this worker is to process, and its readers of exactly that."""

from __future__ import annotations

import asyncio

from .reader import Reader


class Overtaken(Exception):
    """The assignment is older than one that was seen before."""


class Ending(Exception):
    """This worker is about to end and takes no assignment any more."""


class Processing:
    """The readers of one instance. ``timeout`` is for each exchange with the source (s)."""

    def __init__(self, instance_id: str, timeout: float) -> None:
        self._instance_id, self._timeout = instance_id, timeout
        self._version = -1
        self._wanted: dict[str, str] = {}
        self._readers: dict[str, Reader] = {}
        self._ending = False

    @property
    def streams(self) -> list[str]:
        """What is processed at this moment, streams that are being stopped included."""
        return sorted(self._readers)

    async def assign(self, version: int, streams: dict[str, str]) -> None:
        """Process exactly these (stream id → address); returns once everything else has stopped. Raises Overtaken or Ending."""
        if self._ending:
            raise Ending
        if version < self._version:
            raise Overtaken
        self._version, self._wanted = version, streams
        self._start_wanted()
        await asyncio.gather(*(self._stop(r) for r in list(self._readers.values()) if streams.get(r.stream_id) != r.address))

    async def end(self) -> None:
        """Stop everything, for good."""
        self._ending, self._wanted = True, {}
        await asyncio.gather(*(self._stop(reader) for reader in list(self._readers.values())))

    def _start_wanted(self) -> None:
        for stream_id, address in self._wanted.items():
            if stream_id not in self._readers:
                self._readers[stream_id] = Reader(stream_id, address, self._instance_id, self._timeout)

    async def _stop(self, reader: Reader) -> None:
        """A stream that is wanted again by the time it has stopped (or elsewhere) is started again."""
        await reader.stop()
        if self._readers.get(reader.stream_id) is reader:
            del self._readers[reader.stream_id]
            self._start_wanted()
