"""What the reference needs around it, as small as it can be: a catalogue, a stream source and a clock, in one thread."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

SEGMENT = 0.2  # s


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Surroundings:
    """``readers`` tells who reads each stream; ``overlaps`` lists (stream, readers) seen beside each other."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.version = 0
        self.streams: list[str] = []
        self._reads_until: dict[str, dict[str, float]] = {}  # stream → reader → monotonic s
        self.overlaps: list[tuple[str, tuple[str, ...]]] = []
        self.stops_held = threading.Event()
        self.time, self.epoch, self.followed = 0.0, 0, {}
        routes = [
            Route("/catalogue", self._catalogue),
            Route("/clock", self._clock),
            Route("/streams/{stream}/segments/{number}", self._segment),
            Route("/streams/{stream}/readers/{reader}", self._stop, methods=["DELETE"]),
        ]
        self._server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=self.port, log_level="error", timeout_graceful_shutdown=0))
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        until(lambda: self._server.started)

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    def set_catalogue(self, *streams: str) -> None:
        self.streams, self.version = list(streams), self.version + 1

    def advance(self, seconds: float) -> None:
        """Turn the clock, and wait until everybody who follows has followed."""
        self.time, self.epoch = self.time + seconds, self.epoch + 1
        until(lambda: all(epoch == self.epoch for epoch in self.followed.values()), seen=lambda: self.followed)

    @property
    def readers(self) -> dict[str, set[str]]:
        """By stream; streams without a reader are not in it."""
        now = time.monotonic()
        reading = {stream: {r for r, until_then in list(readers.items()) if until_then > now} for stream, readers in list(self._reads_until.items())}
        return {stream: readers for stream, readers in reading.items() if readers}

    async def _catalogue(self, _request: Request) -> Response:
        return JSONResponse({"version": self.version, "streams": [{"id": s, "address": f"{self.url}/streams/{s}"} for s in self.streams]})

    async def _clock(self, request: Request) -> Response:
        epoch = int(request.query_params.get("epoch", -1))
        self.followed[request.query_params["name"]] = epoch
        started = time.monotonic()
        while epoch == self.epoch and time.monotonic() < started + 20 and not self._server.should_exit:
            await asyncio.sleep(0.01)
        return JSONResponse({"epoch": self.epoch, "base": self.time, "rate": 0})

    async def _segment(self, request: Request) -> Response:
        stream, number = request.path_params["stream"], request.path_params["number"]
        if stream not in self.streams:
            return Response(status_code=404)
        reader, end = request.headers["x-reader"], time.monotonic() + SEGMENT
        self._reads_until.setdefault(stream, {})[reader] = end + SEGMENT
        if len(beside := self.readers[stream]) > 1:
            self.overlaps.append((stream, tuple(sorted(beside))))
        while time.monotonic() < end and not self._server.should_exit:
            if await request.is_disconnected():
                self._reads_until[stream].pop(reader, None)
                break
            await asyncio.sleep(0.02)
        return Response(b"segment", headers={"X-Segment": "1" if number == "next" else number})

    async def _stop(self, request: Request) -> Response:
        while self.stops_held.is_set() and not self._server.should_exit:
            await asyncio.sleep(0.01)
        self._reads_until.get(request.path_params["stream"], {}).pop(request.path_params["reader"], None)
        return Response()


def until(condition: Any, within: float = 10.0, seen: Any = lambda: None) -> None:
    """Wait until ``condition()`` is true; fail with what was ``seen`` last."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"not within {within} s; seen: {seen()}"
        time.sleep(0.02)
