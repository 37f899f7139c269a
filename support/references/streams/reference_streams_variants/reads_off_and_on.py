"""Defect: a worker reads nothing for 2 of every 5 seconds. Breaks R1.5."""

import asyncio
import time
from contextlib import suppress

from reference_streams.worker.reader import Reader

read = Reader._read


def off():
    return time.monotonic() % 5 < 2


async def read_off_and_on(self):
    while not self._told_to_stop:
        if off():
            await asyncio.sleep(0.05)
            continue
        reading = asyncio.create_task(read(self))
        try:
            while not off() and not reading.done():
                await asyncio.sleep(0.05)
        finally:
            if off() or not self._told_to_stop or asyncio.current_task().cancelling():
                reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading


Reader._read = read_off_and_on
