"""The worker: ``python -m stdlib_streams.worker``, configured by the environment (see the contract)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from http.client import HTTPException
from time import monotonic

from .client import UNREACHABLE, CallFailed, call, open_connection, path
from .reader import Reader
from .server import Refusal, Reply, Request, Route, Server, invalid, stream_ids, whole_number
from .settings import ID, URL, Settings, await_termination, block_termination, log, set_up_logging

RETRY_SECONDS = 0.25
STOP_SECONDS = 6.0  # for the source to acknowledge, when the program ends
LEAVE_SECONDS = 2.0


class Streams:
    """What this worker is to read, and the readers that do it."""

    def __init__(self, instance_id: str, capacity: int, timeout: float) -> None:
        self._instance_id = instance_id
        self._capacity = capacity
        self._timeout = timeout
        self._lock = threading.Lock()
        self._version = 0
        self._wanted: dict[str, str] = {}
        self._readers: dict[str, Reader] = {}
        self._ending = False

    def assign(self, version: int, wanted: dict[str, str]) -> list[str]:
        """Process exactly these (id → address). Returns when the source has acknowledged every stop. Raises Refusal."""
        with self._lock:
            if self._ending:
                raise Refusal(503, "ending", "this worker ends", {"Retry-After": "1"})
            if version < self._version:
                raise Refusal(409, "outdated", f"version {self._version} has been seen")
            self._version, self._wanted = version, wanted
            leaving = self._stop_unwanted()
            self._start_missing()
        _wait(leaving)
        with self._lock:
            self._start_missing()
        return self.processed()

    def processed(self) -> list[str]:
        """The streams that it reads, until their stop is acknowledged."""
        with self._lock:
            return sorted(i for i, reader in self._readers.items() if not reader.stopped.is_set())

    def end(self, seconds: float) -> None:
        """Stop everything, and wait so long for the source."""
        with self._lock:
            self._ending = True
            self._wanted = {}
            leaving = self._stop_unwanted()
        _wait(leaving, seconds)

    def _stop_unwanted(self) -> list[Reader]:
        leaving = [reader for i, reader in self._readers.items() if self._wanted.get(i) != reader.address]
        for reader in leaving:
            reader.stop()
        return leaving

    def _start_missing(self) -> None:
        """As far as there is room: a stream that is being stopped still takes its place."""
        self._readers = {i: reader for i, reader in self._readers.items() if not reader.stopped.is_set()}
        for stream_id, address in self._wanted.items():
            if stream_id not in self._readers and len(self._readers) < self._capacity:
                self._readers[stream_id] = Reader(stream_id, address, self._instance_id, self._timeout)
                self._readers[stream_id].start()


def _wait(leaving: Iterable[Reader], seconds: float | None = None) -> None:
    deadline = None if seconds is None else monotonic() + seconds
    for reader in leaving:
        reader.stopped.wait(None if deadline is None else max(0.0, deadline - monotonic()))


class Membership:
    """Being known to the orchestrator: registration, the held connection, heartbeats."""

    def __init__(self, settings: Settings, instance_id: str, capacity: int, advertise: str, timeout: float, streams: Streams) -> None:
        self._orchestrator = settings.url("STREAMS_ORCHESTRATOR_URL")
        self._interval = settings.seconds("STREAMS_HEARTBEAT_INTERVAL_SECONDS", 60)
        self._instance_id, self._capacity, self._advertise = instance_id, capacity, advertise
        self._timeout = timeout
        self._streams = streams
        self._ending = threading.Event()
        self._beat_now = threading.Event()
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None
        self._registered = False

    def stay(self) -> None:
        """Register and hold the connection, again and again, until the end."""
        regained = False
        while not self._ending.is_set():
            try:
                if not self._registered:
                    self._register()
                    regained = False
                opened = monotonic()
                self._hold(regained)
                regained = True
                if monotonic() - opened < RETRY_SECONDS:  # at once, but not in a circle
                    self._ending.wait(RETRY_SECONDS)
            except (CallFailed, *UNREACHABLE) as error:
                log.warning("orchestrator out of reach", extra={"data": {"error": str(error) or type(error).__name__}})
                regained = self._registered
                self._ending.wait(RETRY_SECONDS)

    def beat(self) -> None:
        """A heartbeat each interval, and one when the connection was regained. A 404 means: register again."""
        while not self._ending.is_set():
            self._beat_now.wait(self._interval)
            self._beat_now.clear()
            if not self._registered or self._ending.is_set():
                continue
            try:
                answer = call("POST", self._mine("heartbeat"), self._timeout, {"streams": self._streams.processed()})
                if answer.status == 404:
                    self._forget()
            except CallFailed as error:
                log.warning("heartbeat failed", extra={"data": {"error": str(error)}})

    def leave(self) -> None:
        self._ending.set()
        try:
            call("DELETE", self._mine(), min(self._timeout, LEAVE_SECONDS))
        except CallFailed as error:
            log.warning("left without a word", extra={"data": {"error": str(error)}})

    def _mine(self, *rest: str) -> str:
        return "/".join((self._orchestrator, "instances", self._instance_id, *rest))

    def _register(self) -> None:
        body = {
            "instance_id": self._instance_id,
            "url": self._advertise,
            "capacity": self._capacity,
            "streams": self._streams.processed(),
        }
        answer = call("POST", f"{self._orchestrator}/instances", self._timeout, body)
        if answer.status != 200:
            raise CallFailed(f"registration answered {answer.status}")
        self._registered = True
        log.info("registered")

    def _forget(self) -> None:
        """We are not known (any more): end the connection, so that ``stay`` registers."""
        with self._lock:
            self._registered = False
            if self._connection is not None:
                with suppress(OSError):  # it has ended already
                    self._connection.shutdown(socket.SHUT_RDWR)

    def _hold(self, regained: bool) -> None:
        """Returns when the connection has ended, or when we are to register again. Raises OSError, HTTPException where it could not be had."""
        url = self._mine("connection")
        connection = open_connection(url, self._timeout)
        try:
            connection.request("GET", path(url))
            wire: socket.socket = connection.sock
            response = connection.getresponse()
            if response.status == 404:
                self._registered = False
                return
            if response.status != 200:
                raise HTTPException(f"connection answered {response.status}")
            wire.settimeout(None)
            with self._lock:
                if not self._registered:  # a heartbeat was told so meanwhile
                    return
                self._connection = wire
            if regained:
                self._beat_now.set()
            with suppress(OSError, HTTPException):  # however it ends, it has ended
                while response.read1(1024):
                    pass
            log.info("connection ended")
        finally:
            with self._lock:
                self._connection = None
            connection.close()


class Worker:
    """The HTTP interface, and the parts behind it."""

    def __init__(self, settings: Settings) -> None:
        self.listen = settings.listen("STREAMS_LISTEN")
        self.instance_id = settings.text("STREAMS_INSTANCE_ID", pattern=ID)
        capacity = settings.integer("STREAMS_CAPACITY", 1, 10000)
        advertise = settings.url("STREAMS_ADVERTISE_URL", "http://{}:{}".format(*self.listen))
        timeout = settings.seconds("STREAMS_NETWORK_TIMEOUT_SECONDS", 30)
        self.streams = Streams(self.instance_id, capacity, timeout)
        self.membership = Membership(settings, self.instance_id, capacity, advertise, timeout, self.streams)

    def routes(self) -> list[Route]:
        return [("PUT", "/assignment", self.assignment), ("GET", "/health", self.health)]

    def assignment(self, request: Request) -> Reply:
        fields = request.fields()
        version = whole_number(fields.get("version"), "version", 0, 2**63 - 1)
        return Reply({"version": version, "streams": self.streams.assign(version, _wanted(fields.get("streams")))})

    def health(self, _: Request) -> Reply:
        return Reply({"instance_id": self.instance_id, "status": "healthy", "streams": self.streams.processed()})


def _wanted(streams: object) -> dict[str, str]:
    if not isinstance(streams, list) or not all(isinstance(s, dict) and URL.fullmatch(str(s.get("address"))) for s in streams):
        raise invalid("streams is not a list of streams with ids and addresses")
    return dict(zip(stream_ids([s.get("id") for s in streams]), (s["address"].rstrip("/") for s in streams), strict=True))


def main() -> None:
    block_termination()
    worker = Worker(Settings())
    set_up_logging()
    server = Server(worker.listen, worker.routes())
    for loop in (server.serve_forever, worker.membership.stay, worker.membership.beat):
        threading.Thread(target=loop, daemon=True).start()
    await_termination()
    worker.streams.end(STOP_SECONDS)
    worker.membership.leave()
    log.info("ended")


if __name__ == "__main__":
    main()
