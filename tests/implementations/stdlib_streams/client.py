"""Calls to peers: one connection each, bounded in time as a whole."""

from __future__ import annotations

import json
import math
import socket
import uuid
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from .settings import correlation_id

UNREACHABLE = (OSError, HTTPException, ValueError)  # ValueError: a host name or port that cannot be
BODY_LIMIT = 16 * 1024 * 1024  # bytes


class CallFailed(Exception):
    """A call to a peer got no valid answer in time."""


@dataclass(frozen=True)
class Answer:
    """A peer's answer; ``body`` is the JSON object in it, or empty."""

    status: int
    body: dict[str, Any]


class _TimedSocket(socket.socket):
    """Gives up at ``deadline`` (monotonic), however slowly the peer drips its answer."""

    deadline = math.inf

    def recv_into(self, *args: Any) -> int:
        self.settimeout(max(0.001, self.deadline - monotonic()))
        return super().recv_into(*args)


class _TimedConnection(HTTPConnection):
    def connect(self) -> None:
        deadline = monotonic() + float(self.timeout or 0)
        plain = socket.create_connection((self.host, self.port), self.timeout)
        self.sock = _TimedSocket(plain.family, plain.type, plain.proto, fileno=plain.detach())
        self.sock.settimeout(self.timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.deadline = deadline


def open_connection(url: str, timeout: float, kind: type[HTTPConnection] = HTTPConnection) -> HTTPConnection:
    """Not connected yet; ``timeout`` is for each step, not for the whole. Raises ValueError for a port that cannot be."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        kind = HTTPSConnection
    return kind(parts.hostname or "", parts.port, timeout=timeout)


def path(url: str) -> str:
    """What follows the host, as it stands in a request."""
    parts = urlsplit(url)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def call(method: str, url: str, timeout: float, body: Mapping[str, Any] | None = None) -> Answer:
    """One call, done within ``timeout`` seconds altogether. Raises CallFailed."""
    try:
        with closing(open_connection(url, timeout, _TimedConnection)) as connection:
            connection.request(method, path(url), **_encode(body))
            response = connection.getresponse()
            return Answer(response.status, _decode(response.read(BODY_LIMIT)))
    except UNREACHABLE as error:
        raise CallFailed(f"{method} {url}: {type(error).__name__}") from None


def _encode(body: Mapping[str, Any] | None) -> dict[str, Any]:
    headers = {"Connection": "close", "X-Correlation-Id": correlation_id.get() or uuid.uuid4().hex}
    if body is None:
        return {"headers": headers}
    return {"body": json.dumps(body).encode(), "headers": {**headers, "Content-Type": "application/json"}}


def _decode(content: bytes) -> dict[str, Any]:
    """Not every answer has a body that matters; where it does, the caller misses its fields."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
