"""The content of one stream: numbered segments on a grid of time."""

from __future__ import annotations

import asyncio
import time

KEPT = 10  # segments that can still be had after they are complete


class Stream:
    """Segment n (from 1) is complete ``n * length`` seconds after ``origin`` (monotonic seconds)."""

    def __init__(self, id: str, origin: float, length: float) -> None:
        self.id = id
        self.origin = origin
        self.length = length
        self.removed = False
        self._completed = 0
        self._waiting: dict[int, asyncio.Future[None]] = {}

    @property
    def present(self) -> int:
        """The number of the segment that is not complete yet."""
        by_time = int((time.monotonic() - self.origin) / self.length) + 1
        return max(by_time, self._completed + 1)  # a timer may fire a fraction of a millisecond early

    def has(self, number: int) -> bool:
        """Whether this segment can be had: by waiting for it, or because it is not too old."""
        return self.present - KEPT <= number <= self.present + 1 and number > 0

    def complete(self, number: int) -> asyncio.Future[None]:
        """Done when the segment is complete or the stream is ``removed``. Shared: shield it from cancellation."""
        loop = asyncio.get_running_loop()
        if number not in self._waiting:
            future = loop.create_future()
            if number < self.present or self.removed:
                future.set_result(None)
                return future
            self._waiting[number] = future
            loop.call_later(self.origin + number * self.length - time.monotonic(), self._completes, number)
        return self._waiting[number]

    def remove(self) -> None:
        self.removed = True
        for future in self._waiting.values():
            future.set_result(None)
        self._waiting.clear()

    def content(self, number: int) -> str:
        return f"{self.id} {number}\n"

    def _completes(self, number: int) -> None:
        if future := self._waiting.pop(number, None):
            self._completed = max(self._completed, number)
            future.set_result(None)
