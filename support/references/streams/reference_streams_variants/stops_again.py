"""Harmless: a worker asks the source once more to stop, a moment after that was acknowledged."""

import asyncio
from contextlib import suppress

from reference_streams.worker.assignment import Processing
from reference_streams.worker.source import SourceConnection, SourceError

stop = Processing._stop
asking = set()


async def ask_again(self, reader):
    await asyncio.sleep(0.3)
    if reader.stream_id in self._readers:
        return
    connection = SourceConnection(reader.address, self._instance_id, self._timeout)
    with suppress(SourceError):
        await connection.request("DELETE", f"/readers/{self._instance_id}")
    connection.close()


async def stop_twice(self, reader):
    await stop(self, reader)
    task = asyncio.create_task(ask_again(self, reader))
    asking.add(task)
    task.add_done_callback(asking.discard)


Processing._stop = stop_twice
