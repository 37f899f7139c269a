"""The orchestrator's HTTP API (the contract's openapi.yaml)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .. import service
from .catalogue import Catalogue
from .fleet import Fleet, NotActive, Registration
from .membership import Connection, Membership
from .metrics import Metrics
from .peers import PeerError
from .store import UNREACHABLE, Store

Endpoint = Callable[[Request], Awaitable[Response]]

HEALTH_TIMEOUT = 2.0  # s for the database to answer a health check


class Held(Response):
    """The held connection: ``connected`` at once, then nothing until either side ends it."""

    def __init__(self, membership: Membership, instance_id: str, connection: Connection) -> None:
        super().__init__(media_type="text/plain")
        self._membership, self._instance_id, self._connection = membership, instance_id, connection

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain; charset=utf-8")]})
            await send({"type": "http.response.body", "body": b"connected\n", "more_body": True})
            await self._until_either_ends(receive)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._membership.disconnected(self._instance_id, self._connection)

    async def _until_either_ends(self, receive: Receive) -> None:
        ended_here = asyncio.create_task(self._connection.ended.wait())
        ended_there = asyncio.create_task(gone(receive))
        try:
            await asyncio.wait({ended_here, ended_there}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended_here.cancel()
            ended_there.cancel()


async def gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class Api:
    """``ready`` says whether the state is known yet; until then everything but the health check is answered 503."""

    def __init__(self, fleet: Fleet, catalogue: Catalogue, store: Store, metrics: Metrics, ready: asyncio.Event) -> None:
        self._fleet, self._catalogue, self._store, self._metrics, self._ready = fleet, catalogue, store, metrics, ready

    def app(self) -> ASGIApp:
        routes = [
            Route("/instances", self._checked(self.register), methods=["POST"]),
            Route("/instances/{instance_id}", self._checked(self.leave), methods=["DELETE"]),
            Route("/instances/{instance_id}/connection", self._checked(self.connection), methods=["GET"]),
            Route("/instances/{instance_id}/heartbeat", self._checked(self.heartbeat), methods=["POST"]),
            Route("/state", self._checked(self.state), methods=["GET"]),
            Route("/catalogue/refresh", self._checked(self.refresh), methods=["POST"]),
            Route("/rebalance", self._checked(self.rebalance), methods=["POST"]),
            Route("/health", self.health, methods=["GET"]),
            Route("/metrics", self._checked(self.metrics), methods=["GET"]),
        ]
        for route in routes:
            (route.methods or set()).discard("HEAD")
        return service.Correlated(Starlette(routes=routes, exception_handlers=service.ERROR_HANDLERS))

    def _checked(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint, with what can be wrong everywhere turned into its answer."""
        async def answer(request: Request) -> Response:
            if not self._ready.is_set():
                raise service.unavailable("starting", "the orchestrator is starting")
            try:
                return await endpoint(request)
            except NotActive as error:
                raise service.ApiError(404, "not_active", f"{error} is not an active instance: register") from None
            except UNREACHABLE as error:
                raise service.unavailable("database_unavailable", "the database cannot be reached") from error
            except PeerError as error:
                raise service.unavailable("peer_unavailable", str(error)) from error
        return answer

    async def register(self, request: Request) -> Response:
        data = await service.json_object(request)
        instance, assigned = await self._fleet.register(Registration(
            service.identifier(data, "instance_id"), service.base_url(data, "url"), service.capacity(data),
            tuple(service.identifiers(data, "streams")),
        ))
        return JSONResponse({"instance_id": instance.id, "status": "active", "capacity": instance.capacity, "assigned": assigned})

    async def leave(self, request: Request) -> Response:
        await self._fleet.leave(request.path_params["instance_id"])
        return Response(status_code=204)

    async def connection(self, request: Request) -> Response:
        instance_id = request.path_params["instance_id"]
        connection = self._fleet.membership.connect(instance_id)
        if connection is None:
            raise NotActive(instance_id)
        return Held(self._fleet.membership, instance_id, connection)

    async def heartbeat(self, request: Request) -> Response:
        data = await service.json_object(request)
        version = await self._fleet.heartbeat(request.path_params["instance_id"], service.identifiers(data, "streams"))
        return JSONResponse({"version": version})

    async def state(self, _request: Request) -> Response:
        return JSONResponse(await self._store.contract_state())

    async def refresh(self, _request: Request) -> Response:
        return JSONResponse({"version": await self._catalogue.refresh()})

    async def rebalance(self, _request: Request) -> Response:
        trigger_id, moves = await self._fleet.rebalance()
        return JSONResponse({"trigger_id": trigger_id, "moves": moves})

    async def health(self, _request: Request) -> Response:
        if not await self._can_serve():
            return JSONResponse({"status": "unhealthy"}, 503, {"Retry-After": "1"})
        return JSONResponse({"status": "healthy" if self._catalogue.version is not None else "degraded"})

    async def _can_serve(self) -> bool:
        try:
            async with asyncio.timeout(HEALTH_TIMEOUT):
                return self._ready.is_set() and await self._store.ping()
        except (TimeoutError, *UNREACHABLE):
            return False

    async def metrics(self, _request: Request) -> Response:
        return Response(self._metrics.text(), media_type="text/plain; version=0.0.4")
