"""The HTTP side of catalogue and stream source, as the contract has it."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from support.observer.held import first_of
from support.observer.scope import Scope
from support.systems.streams.observers.segments import Stream
from support.systems.streams.observers.source import Source


async def catalogue(scope: Scope, path: list[str], request: Request) -> Response:
    """``GET /catalogue``. Addresses are those under which the asker reached this server."""
    if path or request.method != "GET":
        return _nothing()
    source = scope.part(Source)
    scope.record("catalogue-read", by="source", version=source.version)
    base = f"{request.url.scheme}://{request.url.netloc}/{scope.name}/streams"
    return JSONResponse({"version": source.version, "streams": [{"id": id, "address": f"{base}/{id}"} for id in source.streams]})


async def streams(scope: Scope, path: list[str], request: Request) -> Response:
    """``GET /streams/{id}/segments/{next|n}`` and ``DELETE /streams/{id}/readers/{instance}``."""
    source = scope.part(Source)
    match request.method, path:
        case "GET", [id, "segments", number] if id in source.streams and (number == "next" or number.isdigit()):
            reader = request.headers.get("x-reader", "")
            if not reader:
                return JSONResponse({"error": "the header X-Reader is missing"}, 422)
            return await _segment(source, source.streams[id], number, reader, request)
        case "DELETE", [id, "readers", reader] if id in source.streams:
            return await _stop(source, id, reader, request)
    return _nothing()


async def _segment(source: Source, stream: Stream, wanted: str, reader: str, request: Request) -> Response:
    number = stream.present if wanted == "next" else int(wanted)
    if not stream.has(number):
        return JSONResponse({"error": "this segment is not there: continue with next"}, 410)
    reading = source.begin(stream.id, reader)
    there = False
    try:
        there = await first_of(asyncio.shield(stream.complete(number)), request)
    finally:
        if there:
            source.answered(reading)
        else:
            source.closed(reading)
    if stream.removed:
        return _nothing()
    return Response(stream.content(number), headers={"X-Segment": str(number)}, media_type="text/plain")


async def _stop(source: Source, stream: str, reader: str, request: Request) -> Response:
    stop = source.stop(stream, reader)
    if not await first_of(stop, request):
        source.abandon(stop)
        return _nothing()
    if stream not in source.streams:
        return _nothing()
    source.acknowledge(stream, reader)
    return JSONResponse({"stream": stream, "reader": reader, "stopped": True})


def _nothing() -> Response:
    return JSONResponse({"error": "nothing here"}, 404)
