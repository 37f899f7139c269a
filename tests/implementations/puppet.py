"""A worker on strings, to see what an orchestrator makes of one that registers, connects and breaks off just so."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from typing import Any

from small_suite import Server, ask


class Puppet(Server):
    """A worker without reading: answers assignments, and does only what it is told to."""

    def __init__(self, name: str, capacity: int, orchestrator: str) -> None:
        super().__init__(_Puppet)
        self.name, self.capacity, self.orchestrator = name, capacity, orchestrator
        self.assignment: dict[str, Any] = {"version": 0, "streams": []}
        self._held: HTTPConnection | None = None

    def register(self, processed: list[str] | None = None) -> dict[str, Any]:
        body = {"instance_id": self.name, "url": self.url, "capacity": self.capacity, "streams": processed or [], "unknown": 1}
        status, answer = ask("POST", f"{self.orchestrator}/instances", body)
        assert status == 200, answer
        return dict(answer)

    def connect(self) -> None:
        self._held = HTTPConnection(self.orchestrator.removeprefix("http://"), timeout=5)
        self._held.request("GET", f"/instances/{self.name}/connection")
        response = self._held.getresponse()
        assert (response.status, response.read(10)) == (200, b"connected\n")
        self._response = response

    def cut(self) -> None:
        assert self._held is not None
        self._response.close()
        self._held.close()

    def join(self) -> Puppet:
        self.register()
        self.connect()
        return self


class _Puppet(BaseHTTPRequestHandler):
    server: Puppet

    def do_PUT(self) -> None:
        given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        outdated = given["version"] < self.server.assignment["version"]
        if not outdated:
            self.server.assignment = given
        body = json.dumps({"version": given["version"], "streams": [s["id"] for s in given["streams"]]}).encode()
        self.send_response(409 if outdated else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None: ...
