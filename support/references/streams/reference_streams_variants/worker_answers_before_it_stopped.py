"""Defect: a worker confirms an assignment before the source has acknowledged the stops. Breaks R1.5 (one at a time)."""

import asyncio

from reference_streams.worker.assignment import Processing

stop = Processing._stop
stopping = set()


async def stop_in_background(self, reader):
    task = asyncio.create_task(stop(self, reader))
    stopping.add(task)
    task.add_done_callback(stopping.discard)
    if self._ending:
        await task


Processing._stop = stop_in_background
