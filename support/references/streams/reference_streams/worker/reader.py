"""Reads one stream without pause until it is told to stop, and knows when the source has acknowledged that."""

from __future__ import annotations

import asyncio

from ..logs import log
from .source import SourceConnection, SourceError

RETRY = 0.3  # s after an error


class Reader:
    """Begins to read at once. ``stop`` may be called more than once."""

    def __init__(self, stream_id: str, address: str, instance_id: str, timeout: float) -> None:
        self.stream_id, self.address = stream_id, address
        self._instance_id, self._timeout = instance_id, timeout
        self._told_to_stop = False
        self._reading = asyncio.create_task(self._read())
        self._stopping: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        """Returns once the source has acknowledged the stop."""
        self._told_to_stop = True
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop())
        await asyncio.shield(self._stopping)

    async def _read(self) -> None:
        connection = SourceConnection(self.address, self._instance_id, self._timeout)
        following = "next"
        try:
            while not self._told_to_stop:
                try:
                    answer = await connection.request("GET", f"/segments/{following}")
                except SourceError as error:
                    log.warning("stream not read", stream=self.stream_id, error=str(error))
                    await asyncio.sleep(RETRY)
                    continue
                if answer.status == 200 and answer.segment is not None:
                    following = str(answer.segment + 1)
                elif answer.status == 410:
                    following = "next"
                else:
                    await asyncio.sleep(RETRY)
        finally:
            connection.close()

    async def _stop(self) -> None:
        """The held request stays until the source has acknowledged, so that no part of the stream is missed."""
        connection = SourceConnection(self.address, self._instance_id, self._timeout)
        try:
            while (status := await self._ask_to_stop(connection)) not in (200, 404):
                log.warning("stop not acknowledged", stream=self.stream_id, status=status)
                await asyncio.sleep(RETRY)
        finally:
            connection.close()
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _ask_to_stop(self, connection: SourceConnection) -> int | None:
        try:
            return (await connection.request("DELETE", f"/readers/{self._instance_id}")).status
        except SourceError as error:
            log.warning("stop not acknowledged", stream=self.stream_id, error=str(error))
            return None
