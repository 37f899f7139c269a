"""Reading one stream, from the first request to the acknowledged stop."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from http.client import HTTPException
from time import sleep

from .client import UNREACHABLE, CallFailed, call, open_connection, path
from .settings import log

RETRY_SECONDS = 0.5
LONGEST_SEGMENT_SECONDS = 10.0


class Reader(threading.Thread):
    """One thread does everything, one after the other: so no read can follow the stop.

    ``timeout``: seconds that a call may take; a read is held by the source for a while before that counts.
    ``stopped`` is set once the source has acknowledged the stop.
    """

    def __init__(self, stream_id: str, address: str, instance_id: str, timeout: float) -> None:
        super().__init__(daemon=True, name=f"read {stream_id}")
        self.stream_id = stream_id
        self.address = address.rstrip("/")
        self.stopped = threading.Event()
        self._instance_id = instance_id
        self._timeout = timeout
        self._next = "next"
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._socket: socket.socket | None = None

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def stop(self) -> None:
        """Returns at once. A read that the source holds at this moment is cut off."""
        with self._lock:
            self._stopping.set()
            if self._socket is not None:
                with suppress(OSError):  # the source was faster
                    self._socket.shutdown(socket.SHUT_RDWR)

    def run(self) -> None:
        while not self.stopping:
            try:
                self._read_on()
            except UNREACHABLE as error:
                if not self.stopping:
                    log.warning("read failed", extra={"data": {"stream": self.stream_id, "error": type(error).__name__}})
                    self._stopping.wait(RETRY_SECONDS)
        while not self._stop_acknowledged():
            sleep(RETRY_SECONDS)
        self.stopped.set()

    def _read_on(self) -> None:
        """Read over one connection, as long as it lasts."""
        connection = open_connection(self.address, self._timeout)
        connection.connect()
        connection.auto_open = 0  # a closed connection is an error here, not a reason to open another unseen
        try:
            with self._lock:
                self._socket = connection.sock
            self._socket.settimeout(self._timeout + LONGEST_SEGMENT_SECONDS)
            while connection.sock is not None and not self.stopping:
                connection.request("GET", path(f"{self.address}/segments/{self._next}"), headers={"X-Reader": self._instance_id})
                response = connection.getresponse()
                response.read()
                self._follow(response.status, response.headers.get("X-Segment", ""))
        finally:
            with self._lock:
                self._socket = None
            connection.close()

    def _follow(self, status: int, number: str) -> None:
        if status == 200 and number.isdecimal():
            self._next = str(int(number) + 1)
        elif status == 410:
            self._next = "next"
        else:
            raise HTTPException(f"answer {status}")

    def _stop_acknowledged(self) -> bool:
        try:
            return call("DELETE", f"{self.address}/readers/{self._instance_id}", self._timeout).status in (200, 404)
        except CallFailed as error:
            log.warning("stop not acknowledged", extra={"data": {"stream": self.stream_id, "error": str(error)}})
            return False
