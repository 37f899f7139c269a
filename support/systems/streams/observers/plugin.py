"""The operations and routes that this plugin adds to an observer. URLs of a scope: ``/catalogue``, ``/streams/{id}``, ``/workers/{name}``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from support.observer.rpc import Handler
from support.observer.scope import Scope
from support.observer.server import Observer
from support.systems.streams.observers import routes
from support.systems.streams.observers.source import Source
from support.systems.streams.observers.watchers import ApiWatcher, DatabaseWatcher, Watchers
from support.systems.streams.observers.workers import Fleet, Worker


async def _set_catalogue(scope: Scope, streams: list[str], above: int = 0) -> dict[str, int]:
    return {"version": scope.part(Source).set_catalogue(streams, above)}


async def _hold_stops(scope: Scope, hold: bool = True, readers: list[str] | None = None) -> None:
    scope.part(Source).hold_stops(hold, readers)


async def _waiting_stops(scope: Scope) -> list[list[str]]:
    return scope.part(Source).waiting_stops()


async def _reader_died(scope: Scope, reader: str) -> None:
    scope.part(Source).died(reader)


async def _watch_database(scope: Scope, dsn: str, interval: float = 0.1) -> None:
    await scope.part(Watchers).watch(DatabaseWatcher(scope, dsn, interval))


async def _watch_api(scope: Scope, url: str, interval: float = 0.2) -> None:
    await scope.part(Watchers).watch(ApiWatcher(scope, url, interval))


async def _unwatch(scope: Scope) -> None:
    await scope.part(Watchers).stop()


async def _look(scope: Scope) -> dict[str, Any]:
    return await scope.part(Watchers).look()


async def _register(
    scope: Scope, name: str, capacity: int, orchestrator_url: str, listen: str | None = None, times: int = 1
) -> dict[str, list[int]]:
    return {"statuses": await scope.part(Fleet).register(name, capacity, orchestrator_url, listen, times)}


async def _leave(scope: Scope, name: str) -> dict[str, int]:
    fleet = scope.part(Fleet)
    status = await fleet.named(name).leave()
    del fleet[name]
    return {"status": status}


async def _leave_all(scope: Scope) -> None:
    fleet = scope.part(Fleet)
    for name in list(fleet):
        await fleet.pop(name).leave()


async def _drop(scope: Scope, name: str) -> None:
    await scope.part(Fleet).named(name).drop()


async def _workers(scope: Scope, path: list[str], request: Request) -> Response:
    """``PUT /workers/{name}/assignment`` and ``GET /workers/{name}/health``."""
    worker = scope.part(Fleet).get(path[0]) if path else None
    if worker is None:
        return JSONResponse({"error": "nothing here"}, 404)
    if worker.cut_off or worker.leaving:
        return JSONResponse({"error": "cut off" if worker.cut_off else "leaving"}, 503)
    match request.method, path[1:]:
        case "PUT", ["assignment"]:
            return await _assignment(worker, request)
        case "GET", ["health"]:
            return JSONResponse({"instance_id": worker.name, "status": "healthy", "streams": worker.streams})
    return JSONResponse({"error": "nothing here"}, 404)


async def _assignment(worker: Worker, request: Request) -> Response:
    try:
        body = await request.json()
        version, streams = int(body["version"]), [str(stream["address"]).rpartition("/")[2] for stream in body["streams"]]
    except (ValueError, TypeError, KeyError):
        return JSONResponse({"error": "an assignment has a version and streams with addresses"}, 422)
    if not await worker.assign(version, streams):
        return JSONResponse({"error": "a newer assignment was taken"}, 409)
    return JSONResponse({"version": version, "streams": streams})


def plug(observer: Observer) -> dict[str, Handler]:
    observer.routes |= {"catalogue": routes.catalogue, "streams": routes.streams, "workers": _workers}
    operations: dict[str, Callable[..., Awaitable[Any]]] = {
        "set_catalogue": _set_catalogue, "hold_stops": _hold_stops, "waiting_stops": _waiting_stops, "reader_died": _reader_died,
        "watch_database": _watch_database, "watch_api": _watch_api, "unwatch": _unwatch, "look": _look,
        "register": _register, "leave": _leave, "leave_all": _leave_all, "drop": _drop,
    }  # fmt: skip
    return {f"streams.{name}": observer.scoped(operation) for name, operation in operations.items()}
