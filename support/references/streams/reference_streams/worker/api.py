"""The worker's HTTP API (the contract's openapi.yaml)."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from .. import service
from .assignment import Ending, Overtaken, Processing

GREATEST_VERSION = 2**63 - 1


class Api:
    def __init__(self, instance_id: str, processing: Processing) -> None:
        self._instance_id, self._processing = instance_id, processing

    def app(self) -> ASGIApp:
        routes = [Route("/assignment", self.assign, methods=["PUT"]), Route("/health", self.health, methods=["GET"])]
        return service.Correlated(Starlette(routes=routes, exception_handlers=service.ERROR_HANDLERS))

    async def assign(self, request: Request) -> Response:
        data = await service.json_object(request)
        version, streams = service.integer(data, "version", 0, GREATEST_VERSION), addresses(data)
        try:
            await self._processing.assign(version, streams)
        except Overtaken:
            raise service.ApiError(409, "overtaken", "a newer assignment was seen before") from None
        except Ending:
            raise service.unavailable("ending", "this worker is about to end") from None
        return JSONResponse({"version": version, "streams": sorted(streams)})

    async def health(self, _request: Request) -> Response:
        return JSONResponse({"instance_id": self._instance_id, "status": "healthy", "streams": self._processing.streams})


def addresses(data: dict[str, Any]) -> dict[str, str]:
    """Address by stream id of an assignment's body."""
    streams = data.get("streams")
    if not isinstance(streams, list) or not all(isinstance(s, dict) for s in streams):
        raise service.invalid("streams: a list of objects is needed")
    return {service.identifier(s, "id"): service.base_url(s, "address") for s in streams}
