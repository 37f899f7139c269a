"""Commands to a process beside behave: one JSON object a line over a Unix socket.

Request ``{"op": "clock.advance", "args": {...}}``, answer ``{"ok": true, "result": ...}`` or ``{"ok": false, "error": "text"}``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

Handler = Callable[..., Awaitable[Any]]

_LONGEST_LINE = 64 * 1024 * 1024  # bytes
logger = logging.getLogger(__name__)


class OperationFailed(Exception):
    """The process is well, but the operation was not done. The message says why."""


class Client:
    """The calling end. Holds no connection between calls, so that threads and forked children may share it."""

    def __init__(self, path: Path, timeout: float = 120.0) -> None:
        self.path = path
        self.timeout = timeout

    def call(self, op: str, **args: Any) -> Any:
        """The operation's result. Raises OperationFailed, OSError (nobody there), EOFError (gone before it answered)."""
        with _address(self.path) as address, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(self.timeout)
            connection.connect(address)
            connection.sendall(json.dumps({"op": op, "args": args}).encode() + b"\n")
            with connection.makefile("rb") as file:
                line = file.readline()
        if not line.endswith(b"\n"):
            raise EOFError(f"no answer to {op}")
        answer = json.loads(line)
        if not answer["ok"]:
            raise OperationFailed(f"{op}: {answer['error']}")
        return answer["result"]


async def serve(path: Path, handlers: Mapping[str, Handler]) -> asyncio.Server:
    """Answer calls at ``path`` (which only its owner may use) until the server that is returned is closed."""
    listener = socket.socket(socket.AF_UNIX)
    with _address(path) as address:
        listener.bind(address)
    path.chmod(0o600)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await _answer(handlers, line)).encode() + b"\n")
                await writer.drain()
        except ConnectionError:
            logger.info("a caller left before it had its answer")
        finally:
            writer.close()

    return await asyncio.start_unix_server(converse, sock=listener, limit=_LONGEST_LINE)


async def _answer(handlers: Mapping[str, Handler], line: bytes) -> dict[str, Any]:
    request = json.loads(line)
    handler = handlers.get(request["op"])
    if handler is None:
        return {"ok": False, "error": "unknown operation"}
    try:
        return {"ok": True, "result": await handler(**request["args"])}
    except OperationFailed as failure:
        return {"ok": False, "error": str(failure)}
    except Exception as error:
        logger.exception("%s failed", request["op"])
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}


@contextlib.contextmanager
def _address(path: Path) -> Iterator[str]:
    """``path`` in a form that fits the kernel's limit of 107 bytes for the address of a socket, however deep it lies."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)
