"""The stream source: it holds every read until the segment is complete, and so sees who reads what, when.

Events of the catalogue:

- catalogue {version, streams}: these are the streams from now on;
- catalogue-read {version}: somebody asked for it.

Events of a reader, all with ``stream`` and ``reader``:

- read-started: the first request of one that did not read this stream;
- read-stopped {how}: it reads no longer, since ``t``. Exactly one for each read-started. ``how`` is *acknowledged* (its stop was),
  *closed* (the connection of its held request ended), *lapsed* (no request within a segment's length of the last answer),
  *removed* (the stream was) or *died* (the suite killed its program);
- stop-requested: it asks to stop, whether it reads at this moment or not;
- stop-acknowledged: the request was answered. Only from here on may somebody else be told to read the stream, even if
  read-stopped (*closed*: it gave up its held request first) came before;
- stop-abandoned: it did not wait for the answer. It may ask again.

- stops-held, stops-released {readers}: acknowledgements are kept back or given again, for these readers (null: all).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from support.observer.scope import Scope
from support.systems.streams.observers.segments import Stream

SEGMENT_SECONDS = 1.0
_GOLDEN = 0.618034  # multiples of it, modulo 1, spread evenly for any number of streams


class Reading:
    """One interval in which a reader reads a stream. ``held`` counts its requests that wait for an answer."""

    __slots__ = ("held", "lapse", "reader", "stream")

    def __init__(self, stream: str, reader: str) -> None:
        self.stream = stream
        self.reader = reader
        self.held = 0
        self.lapse: asyncio.TimerHandle | None = None


class Source:
    """The streams of one scenario and their readers."""

    def __init__(self, scope: Scope) -> None:
        self.version = 0
        self.streams: dict[str, Stream] = {}
        self._scope = scope
        self._created = 0
        self._readings: dict[tuple[str, str], Reading] = {}
        self._unstopped: set[tuple[str, str]] = set()  # (stream, reader) that began and have no acknowledged stop
        self._stopping: dict[asyncio.Future[None], tuple[str, str]] = {}  # requested, kept back: (stream, reader)
        self._hold_all = False
        self._except: set[str] = set()  # readers for whom the opposite of _hold_all is true
        scope.closing.push_async_callback(self._close)

    def set_catalogue(self, ids: Sequence[str], above: int = 0) -> int:
        """Make these the streams. Readers of removed ones are told so; those that stay are not disturbed. The new version, higher than ``above``."""
        self.version = max(self.version, above) + 1
        self._record("catalogue", version=self.version, streams=list(ids))
        for id in self.streams.keys() - set(ids):
            self._remove(self.streams.pop(id))
        self.streams = {id: self.streams.get(id) or self._create(id) for id in ids}
        return self.version

    # -- reading

    def begin(self, stream: str, reader: str) -> Reading:
        """A request is held from now on, until ``answered`` or ``closed``."""
        key = (stream, reader)
        reading = self._readings.get(key)
        if reading is None:
            reading = self._readings[key] = Reading(stream, reader)
            self._unstopped.add(key)
            self._record("read-started", stream=stream, reader=reader)
        elif reading.lapse:
            reading.lapse.cancel()
            reading.lapse = None
        reading.held += 1
        return reading

    def answered(self, reading: Reading) -> None:
        """The held request was answered: the next one is expected within a segment's length."""
        reading.held -= 1
        if not reading.held and self._goes_on(reading):
            lapses = time.monotonic_ns() + round(SEGMENT_SECONDS * 1e9)
            reading.lapse = asyncio.get_running_loop().call_later(SEGMENT_SECONDS, self._end, reading, "lapsed", lapses)

    def closed(self, reading: Reading) -> None:
        """The connection of the held request ended."""
        reading.held -= 1
        if not reading.held and self._goes_on(reading):
            self._end(reading, "closed")

    def died(self, reader: str) -> None:
        """Somebody saw that it died: it reads nothing, and what comes under its name from now on is a new reading."""
        for reading in [reading for reading in self._readings.values() if reading.reader == reader]:
            self._end(reading, "died")

    def reads(self, stream: str, reader: str) -> bool:
        return (stream, reader) in self._readings

    # -- stopping

    def stop(self, stream: str, reader: str) -> asyncio.Future[None]:
        """Ask for a stop. When the future is done, ``acknowledge`` it; whoever cancels the future must ``abandon`` the stop."""
        self._record("stop-requested", stream=stream, reader=reader)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stopping[future] = (stream, reader)
        self._release()
        return future

    def acknowledge(self, stream: str, reader: str) -> None:
        if reading := self._readings.get((stream, reader)):
            self._end(reading, "acknowledged")
        self._unstopped.discard((stream, reader))
        self._record("stop-acknowledged", stream=stream, reader=reader)

    def abandon(self, stop: asyncio.Future[None]) -> None:
        """Whoever asked for the stop does not wait for it any more."""
        if key := self._stopping.pop(stop, None):
            self._record("stop-abandoned", stream=key[0], reader=key[1])

    async def stopped(self, stream: str, reader: str) -> None:
        """``stop`` and ``acknowledge`` for a reader inside this process."""
        if stream in self.streams:
            await self.stop(stream, reader)
            if stream in self.streams:
                self.acknowledge(stream, reader)

    def hold_stops(self, hold: bool, readers: Sequence[str] | None) -> None:
        """Keep back the acknowledgements for ``readers`` (None: for all), or give them."""
        if readers is None:
            self._hold_all, self._except = hold, set()
        elif hold is self._hold_all:
            self._except -= set(readers)
        else:
            self._except |= set(readers)
        self._record("stops-held" if hold else "stops-released", readers=readers)
        self._release()

    def waiting_stops(self) -> list[list[str]]:
        """[stream, reader] of every stop that is requested and kept back."""
        return [[stream, reader] for stream, reader in sorted(set(self._stopping.values()))]

    # -- inside

    def _release(self) -> None:
        for future, key in list(self._stopping.items()):
            if (key[1] in self._except) is self._hold_all or key not in self._unstopped:  # who does not read hands nothing over
                self._finish(future)

    def _finish(self, stop: asyncio.Future[None]) -> None:
        del self._stopping[stop]
        if not stop.done():  # its owner may have been cancelled a moment ago
            stop.set_result(None)

    def _goes_on(self, reading: Reading) -> bool:
        return self._readings.get((reading.stream, reading.reader)) is reading

    def _end(self, reading: Reading, how: str, t: int | None = None) -> None:
        del self._readings[reading.stream, reading.reader]
        if reading.lapse:
            reading.lapse.cancel()
        self._record("read-stopped", t=t, stream=reading.stream, reader=reading.reader, how=how)

    def _create(self, id: str) -> Stream:
        self._created += 1
        phase = self._created * _GOLDEN % 1
        return Stream(id, time.monotonic() - phase * SEGMENT_SECONDS, SEGMENT_SECONDS)

    def _remove(self, stream: Stream) -> None:
        for reading in [reading for reading in self._readings.values() if reading.stream == stream.id]:
            self._end(reading, "removed")
        self._unstopped = {key for key in self._unstopped if key[0] != stream.id}
        self._release()
        stream.remove()

    async def _close(self) -> None:
        """The scenario is over: nobody is held any longer."""
        for reading in self._readings.values():
            if reading.lapse:
                reading.lapse.cancel()
        self._readings.clear()
        for stop in list(self._stopping):
            self._finish(stop)
        for stream in self.streams.values():
            stream.remove()
        self.streams = {}

    def _record(self, what: str, *, t: int | None = None, **data: object) -> None:
        self._scope.record(what, t=t, by="source", **data)
