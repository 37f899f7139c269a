"""What both programs share as HTTP services: the error format, correlation ids, serving and a graceful end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import socket
import uuid
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from . import logs
from .environment import BASE_URL, IDENTIFIER, MAX_CAPACITY, fail
from .logs import log

MAX_BODY = 4 * 1024 * 1024  # bytes
CORRELATION = re.compile(r"[A-Za-z0-9._-]{1,128}")


class ApiError(Exception):
    """An answer other than success: HTTP status, a code for programs, a message for people."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


def unavailable(code: str, message: str) -> ApiError:
    return ApiError(503, code, message, {"Retry-After": "1"})


def error_response(error: ApiError) -> Response:
    correlation_id = logs.correlation_id.get()
    return JSONResponse(
        {"error": {"code": error.code, "message": error.message, "correlation_id": correlation_id}}, error.status, error.headers,
    )


async def on_api_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error_response(error)


async def on_http_exception(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
    return error_response(ApiError(error.status_code, code, error.detail, dict(error.headers or {})))


async def on_crash(request: Request, error: Exception) -> Response:
    log.error("request failed", method=request.method, path=request.url.path, error=repr(error))
    return error_response(ApiError(500, "internal_error", "an unexpected error; the log has more under this correlation id"))


ERROR_HANDLERS: dict[Any, Any] = {ApiError: on_api_error, HTTPException: on_http_exception, Exception: on_crash}


class Correlated:
    """Around an app: each request gets a correlation id (its own ``X-Correlation-ID``, or a new one) for logs and errors."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = dict(scope.get("headers", ())).get(b"x-correlation-id", b"").decode("latin-1")
        token = logs.correlation_id.set(given if CORRELATION.fullmatch(given) else uuid.uuid4().hex)
        try:
            await self.app(scope, receive, send)
        finally:
            logs.correlation_id.reset(token)


async def json_object(request: Request) -> dict[str, Any]:
    """The body, which must be a JSON object. Raises 422 otherwise."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise invalid(f"the body is larger than {MAX_BODY} bytes")
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise invalid("the body is not JSON") from None
    if not isinstance(data, dict):
        raise invalid("the body is not a JSON object")
    return data


def invalid(message: str) -> ApiError:
    return ApiError(422, "invalid_input", message)


def integer(data: dict[str, Any], field: str, lowest: int, highest: int) -> int:
    """An integer as JSON Schema means it: 5 and 5.0, not true."""
    value = data.get(field)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        raise invalid(f"{field}: an integer from {lowest} to {highest} is needed")
    return value


def capacity(data: dict[str, Any]) -> int:
    return integer(data, "capacity", 1, MAX_CAPACITY)


def identifier(data: dict[str, Any], field: str) -> str:
    value = data.get(field)
    if not isinstance(value, str) or not IDENTIFIER.fullmatch(value):
        raise invalid(f"{field}: 1-64 characters of A-Z a-z 0-9 . _ - are needed")
    return value


def identifiers(data: dict[str, Any], field: str) -> list[str]:
    value = data.get(field)
    if not isinstance(value, list) or not all(isinstance(v, str) and IDENTIFIER.fullmatch(v) for v in value):
        raise invalid(f"{field}: a list of stream ids is needed")
    return value


def base_url(data: dict[str, Any], field: str) -> str:
    value = data.get(field)
    if not isinstance(value, str) or not BASE_URL.fullmatch(value):
        raise invalid(f"{field}: an address like http://host:port is needed")
    return value.rstrip("/")


def bind(address: tuple[str, int]) -> socket.socket:
    """A listening socket; ends the program (code 2) where the address cannot be had."""
    try:
        listener = socket.create_server(address, family=socket.AF_INET6 if ":" in address[0] else socket.AF_INET, backlog=1024)
    except OSError as error:
        fail(f"STREAMS_LISTEN: cannot listen on {address[0]}:{address[1]}: {error.strerror or error}")
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it; else an answer in two parts takes 40 ms
    return listener


class Server(uvicorn.Server):
    """Uvicorn that leaves signals to the program."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def server(app: ASGIApp) -> Server:
    return Server(uvicorn.Config(
        app, lifespan="off", ws="none", log_config=None, access_log=False, date_header=False, server_header=False,
        timeout_graceful_shutdown=2, timeout_keep_alive=75,
    ))


def told_to_end() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    event = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, event.set)
    return event
