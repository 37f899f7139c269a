"""A JSON server on http.server: routes by pattern, one error format, a thread for each connection."""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, NoReturn
from urllib.parse import unquote, urlsplit

from .settings import ID, correlation_id, log

BODY_LIMIT = 16 * 1024 * 1024  # bytes: 10000 streams with long addresses fit


class Refusal(Exception):
    """An error for the caller."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, dict(headers or {})


@dataclass
class Reply:
    """``body`` is sent as JSON, unless it is text."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Request:
    """What a route function is given."""

    def __init__(self, handler: BaseHTTPRequestHandler, parameters: Sequence[str], content: bytes) -> None:
        self.handler = handler
        self.parameters = parameters
        self._content = content

    def fields(self) -> dict[str, Any]:
        """The body as a JSON object. Raises Refusal."""
        try:
            body = json.loads(self._content.decode(), parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise invalid("the body is not JSON") from None
        if not isinstance(body, dict):
            raise invalid("the body is not a JSON object")
        return body

    def begin_stream(self) -> None:
        """Answer with the first bytes of a body that never ends; it ends with the connection."""
        handler = self.handler
        handler.close_connection = True
        handler.send_response(200)
        handler.send_header("Content-Type", "text/plain; charset=utf-8")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(b"connected\n")
        handler.wfile.flush()


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def invalid(message: str) -> Refusal:
    return Refusal(422, "invalid", message)


def stream_ids(value: Any) -> list[str]:
    """A list of ids, or Refusal."""
    if not isinstance(value, list) or not all(isinstance(i, str) and ID.fullmatch(i) for i in value):
        raise invalid("streams is not a list of ids")
    return value


def whole_number(value: Any, name: str, low: int, high: int) -> int:
    """An integer in this range (5.0 is one in JSON), or Refusal."""
    if type(value) not in (int, float) or not low <= value <= high or value != int(value):
        raise invalid(f"{name} is not a whole number from {low} to {high}")
    return int(value)


Route = tuple[str, str, Callable[[Request], Reply | None]]  # a None reply: the function has answered itself


class Server(ThreadingHTTPServer):
    """A thread for each connection. ``routes``: (method, path pattern, function)."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], routes: Sequence[Route]) -> None:
        self.routes = [(method, re.compile(pattern), function) for method, pattern, function in routes]
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's asks the name service for its own name, which can take seconds

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.info("a caller went away", extra={"data": {"error": type(sys.exc_info()[1]).__name__}})


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def _serve(self) -> None:
        given = self.headers.get("X-Correlation-Id", "")
        correlation_id.set(given if ID.fullmatch(given) else uuid.uuid4().hex)
        try:
            reply = self._dispatch()
        except Refusal as refusal:
            reply = _error(refusal)
        except Exception:  # noqa: BLE001 - the last resort: the caller gets an answer, the log gets the cause
            log.exception("unexpected")
            reply = _error(Refusal(500, "internal", "unexpected error"))
        if reply is not None:
            self._send(reply)

    def __getattr__(self, name: str) -> Any:
        """http.server asks for ``do_`` and the method; which ones a path has is the routes' business."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _dispatch(self) -> Reply | None:
        content = self._content()
        path = unquote(urlsplit(self.path).path)
        found = [(method, match, function) for method, pattern, function in self.server.routes if (match := pattern.fullmatch(path))]
        if not found:
            raise Refusal(404, "not_found", "no such path")
        for method, match, function in found:
            if method == self.command:
                return function(Request(self, match.groups(), content))
        raise Refusal(405, "method_not_allowed", "not with this method", {"Allow": ", ".join(sorted({method for method, _, _ in found}))})

    def _content(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not re.fullmatch(r"\d{1,9}", length) or int(length) > BODY_LIMIT:
            self.close_connection = True  # what follows cannot be told from the next request
            raise invalid("a body needs a Content-Length, of 16 MiB at most")
        return self.rfile.read(int(length))

    def _send(self, reply: Reply) -> None:
        text = isinstance(reply.body, str)
        content = b"" if reply.body is None else reply.body.encode() if text else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        if reply.status != 204:
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8" if text else "application/json")
            self.send_header("Content-Length", str(len(content)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What http.server itself refuses: the contract's error format for it, too."""
        self.close_connection = True
        self._send(_error(Refusal(code, "bad_request", message or "cannot be read")))

    def log_message(self, format: str, *args: Any) -> None:
        """No access log: the programs log what happens, not who asks."""


def _error(refusal: Refusal) -> Reply:
    error = {"code": refusal.code, "message": str(refusal), "correlation_id": correlation_id.get()}
    return Reply({"error": error}, refusal.status, refusal.headers)
