"""The inside of an observer process: its scopes, the operations of its plugins, one HTTP server for all of them.

A plugin is a module with ``def plug(observer: Observer) -> dict[str, Handler]``. It returns the operations that it adds and may
serve HTTP: ``observer.routes["name"] = route`` answers ``/{scope}/name/…`` of every scope. What it keeps of a scope is a *part*,
``scope.part(Kind)``, made when first asked for. ``observer.scoped(operation)`` turns ``operation(scope: Scope, **args)`` into a handler.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from support.observer.rpc import Handler, OperationFailed
from support.observer.scope import Scope

# (scope, the path's parts after the route's name, request) → response
Route = Callable[[Scope, list[str], Request], Awaitable[Response]]

TICK_SECONDS = 0.1


class Observer:
    """All that one observer process does. ``urls`` maps each listen address to its base URL."""

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {"open": self.open, "move": self.scoped(_move), "close": self.close}
        self.routes: dict[str, Route] = {}
        self.scopes: dict[str, Scope] = {}
        self.urls: dict[str, str] = {}
        self.closing: list[Callable[[], Awaitable[None]]] = []  # what plugins want done at the end of the process

    def plug(self, module: str) -> None:
        """Add a plugin's operations. Raises ValueError for an operation that is there already."""
        handlers: dict[str, Handler] = importlib.import_module(module).plug(self)
        if twice := handlers.keys() & self.handlers.keys():
            raise ValueError(f"{module} defines again: {', '.join(sorted(twice))}")
        self.handlers.update(handlers)

    def scoped(self, operation: Callable[..., Awaitable[Any]]) -> Handler:
        """The handler that finds the scope by its name and passes it on."""

        async def handler(scope: str, **args: Any) -> Any:
            if scope not in self.scopes:
                raise OperationFailed(f"scope {scope} is not open")
            return await operation(self.scopes[scope], **args)

        return handler

    async def open(self, scope: str, directory: str) -> dict[str, Any]:
        """Begin a scenario: ``observer.jsonl`` in ``directory``; the answer's ``urls`` are its base URLs by listen address."""
        if scope in self.scopes:
            raise OperationFailed(f"scope {scope} is open already")
        self.scopes[scope] = Scope(scope, Path(directory), {listen: f"{url}/{scope}" for listen, url in self.urls.items()})
        return {"urls": self.scopes[scope].urls}

    async def close(self, scope: str) -> None:
        """End a scenario. A scope that is not open is no error: whoever tears down may do so twice."""
        if found := self.scopes.pop(scope, None):
            await found.close()

    async def shut_down(self) -> None:
        for scope in list(self.scopes):
            await self.close(scope)
        for close in reversed(self.closing):
            await close()

    async def tick(self) -> None:
        """Prove in every history that the observer lived, and how late it ran (``slip``, ns)."""
        while True:
            due = time.monotonic_ns() + round(TICK_SECONDS * 1e9)
            await asyncio.sleep(TICK_SECONDS)
            slip = max(0, time.monotonic_ns() - due)
            for scope in self.scopes.values():
                scope.record("tick", by="observer", slip=slip)

    async def __call__(self, asgi: AsgiScope, receive: Receive, send: Send) -> None:
        """The ASGI application."""
        response = await self._respond(Request(asgi, receive))
        await response(asgi, receive, send)

    async def _respond(self, request: Request) -> Response:
        _, name, *path = request.scope["path"].split("/")  # decoded already
        scope = self.scopes.get(name)
        route = self.routes.get(path[0]) if path else None
        if scope is None or route is None:
            return JSONResponse({"error": "nothing here"}, 404)
        return await route(scope, path[1:], request)


async def _move(scope: Scope, directory: str) -> None:
    scope.move(Path(directory))


class HttpServer(uvicorn.Server):
    """Uvicorn inside a loop that is not its own: signals are the business of whoever runs the loop."""

    def __init__(self, app: Observer) -> None:
        config = uvicorn.Config(
            app, http="httptools", ws="none", lifespan="off", log_config=None, access_log=False, server_header=False, timeout_keep_alive=120
        )
        super().__init__(config)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(listen: Sequence[str]) -> tuple[list[socket.socket], dict[str, str]]:
    """A listening socket for each ``host`` or ``host:port``, and the base URL of each. Where that cannot be had, the process ends and says so."""
    sockets, urls = [], {}
    for address in listen:
        host, _, port = address.partition(":")
        try:
            listener = socket.create_server((host, int(port or 0)), backlog=2048)
        except OSError as error:
            raise SystemExit(f"cannot listen on {address}: {error.strerror}") from None
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it; else an answer in two parts takes 40 ms
        sockets.append(listener)
        urls[address] = f"http://{host}:{listener.getsockname()[1]}"
    return sockets, urls
