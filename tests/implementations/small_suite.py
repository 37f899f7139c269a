"""A very small stand-in for the suite, to try an implementation of the streams contract in seconds: database, catalogue, source, processes.

It judges nothing by itself; segments last 0.2 s. The suite's own observers are another code base on purpose.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg

from support.clusters.postgres_binaries import find

SEGMENT = 0.2  # seconds
HERE = Path(__file__).parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(look: Callable[[], Any], wanted: Any, seconds: float = 5.0) -> None:
    """Look until it is so; what was seen last is in the failure."""
    deadline = time.monotonic() + seconds
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, f"after {seconds} s: {seen!r}, not {wanted!r}"
        time.sleep(0.02)


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL of its own; the DSN of its server without a database name."""
    binaries, folder, port = find(), Path(tempfile.mkdtemp(prefix="small-suite-")), free_port()
    user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses root
    if user:
        shutil.chown(folder, user)
    (log := folder / "log").touch()
    options = ["-U", "suite", "-A", "trust", "--no-sync", "--encoding=UTF8", "--no-locale"]
    subprocess.run([binaries / "initdb", "-D", folder / "data", *options], check=True, capture_output=True, user=user)
    options = ["-p", str(port), "-k", "", "-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"]
    with log.open("w") as output:
        server = subprocess.Popen([binaries / "postgres", "-D", folder / "data", *options], stdout=output, stderr=output, user=user)
    dsn = f"postgresql://suite:not-needed@127.0.0.1:{port}"
    try:
        eventually(lambda: _answers(f"{dsn}/postgres"), True)
        yield dsn
    finally:
        server.terminate()
        server.wait(10)
        shutil.rmtree(folder)


def _answers(dsn: str) -> bool:
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        return False
    return True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):  # whoever was killed while waiting for its answer
            super().handle_error(request, client_address)


class Surroundings(Server):
    """The catalogue at ``/catalogue`` and the stream source, which knows who reads what and who ever read beside another."""

    def __init__(self) -> None:
        super().__init__(_Surroundings)
        self.lock = threading.Lock()
        self.reading: dict[str, set[str]] = defaultdict(set)
        self.overlaps: list[tuple[str, frozenset[str]]] = []
        self.stops_free = threading.Event()
        self.stops_free.set()
        self.stops_waiting = 0
        self.set_catalogue(0)

    def set_catalogue(self, count: int) -> None:
        version = getattr(self, "catalogue", {"version": 0})["version"] + 1
        self.catalogue = {"version": version, "streams": [{"id": f"s{n:03}", "address": f"{self.url}/streams/s{n:03}"} for n in range(count)]}

    def begins(self, stream: str, reader: str) -> None:
        with self.lock:
            self.reading[stream].add(reader)
            if len(self.reading[stream]) > 1:
                self.overlaps.append((stream, frozenset(self.reading[stream])))

    def ends(self, stream: str, reader: str) -> None:
        with self.lock:
            self.reading[stream].discard(reader)

    def readers(self) -> dict[str, str]:
        """The one reader of each stream that is read."""
        with self.lock:
            return {stream: "+".join(sorted(names)) for stream, names in self.reading.items() if names}


class _Surroundings(BaseHTTPRequestHandler):
    server: Surroundings
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    read: tuple[str, str] | None = None

    def finish(self) -> None:
        """The end of a connection is the end of the reading that it carried."""
        if self.read is not None:
            self.server.ends(*self.read)
        super().finish()

    def do_GET(self) -> None:
        if self.path == "/catalogue":
            return self._answer(200, json.dumps(self.server.catalogue).encode())
        _, _, stream, _, wanted = self.path.split("/")
        reader = self.headers["X-Reader"]
        if all(s["id"] != stream for s in self.server.catalogue["streams"]):
            return self._answer(404)
        present = int(time.monotonic() / SEGMENT)
        if wanted != "next" and int(wanted) < present - 1:
            return self._answer(410)
        number = present if wanted == "next" else int(wanted)
        self.server.begins(stream, reader)
        self.read = stream, reader
        ended, _, _ = select.select([self.connection], [], [], max(0.0, (number + 1) * SEGMENT - time.monotonic()))
        if ended:
            self.close_connection = True
            return None
        return self._answer(200, b"x" * 100, {"X-Segment": str(number)})

    def do_DELETE(self) -> None:
        _, _, stream, _, reader = self.path.split("/")
        self.server.stops_waiting += 1
        self.server.stops_free.wait()
        self.server.stops_waiting -= 1
        self.server.ends(stream, reader)
        self._answer(200)

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None: ...


class Program:
    """One of the implementation's programs as a real process."""

    def __init__(self, module: str, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        listen = {"STREAMS_LISTEN": f"127.0.0.1:{self.port}"}
        self._environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HERE), **listen, **environment}
        self._command = [sys.executable, "-m", f"stdlib_streams.{module}"]
        self.log = Path(tempfile.mkstemp(prefix=f"{module}-")[1])
        self.start()

    def start(self) -> None:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(12)

    def remove(self) -> None:
        self.kill()
        self.log.unlink()


def ask(method: str, url: str, body: Any = None) -> tuple[int, Any]:
    """(status, body as JSON or text); (0, None): nobody answers."""
    address, _, path = url.removeprefix("http://").partition("/")
    connection = HTTPConnection(address, timeout=10)
    try:
        connection.request(method, f"/{path}", None if body is None else body if isinstance(body, bytes) else json.dumps(body))
        response = connection.getresponse()
        content = response.read()
    except ConnectionError:
        return 0, None
    finally:
        connection.close()
    return response.status, json.loads(content) if response.headers.get_content_type() == "application/json" else content.decode()


class Link:
    """A TCP relay that can be cut and healed."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.heal()

    def heal(self) -> None:
        if self._listener.fileno() < 0:
            self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def cut(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._open:
            _shut(end)
        self._open.clear()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # cut
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                self._open += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):  # however it ends, both ends end
        while chunk := source.recv(65536):
            sink.sendall(chunk)
    _shut(source)
    _shut(sink)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):  # shut before
        end.shutdown(socket.SHUT_RDWR)
