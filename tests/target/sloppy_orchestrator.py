"""An orchestrator that starts and breaks the contract: no ``POST /rebalance``, a state without a version, 500 where 422 is due."""

from __future__ import annotations

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Sloppy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path == "/health":
            return self._answer(200, {"status": "healthy"})
        if self.path == "/state":
            return self._answer(200, {"instances": [], "assignments": [], "unassigned": []})
        return self._answer(404, {"error": {"code": "not_found", "message": self.path, "correlation_id": None}})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/catalogue/refresh":
            return self._answer(200, {"version": 0})
        if self.path == "/instances":
            return self._register(body)
        return self.do_GET()

    do_DELETE = do_GET

    def _register(self, body: bytes) -> None:
        try:
            asked = json.loads(body)
            self._answer(200, {"instance_id": asked["instance_id"], "status": "active", "capacity": asked["capacity"], "assigned": 0})
        except (ValueError, KeyError, TypeError) as error:
            self._answer(500, {"error": {"code": "oops", "message": repr(error), "correlation_id": None}})

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None: ...


if __name__ == "__main__":
    host, _, port = os.environ["STREAMS_LISTEN"].rpartition(":")
    ThreadingHTTPServer((host, int(port)), Sloppy).serve_forever()
