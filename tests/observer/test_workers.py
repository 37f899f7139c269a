"""Hosted workers against a small orchestrator of the test's own: the worker's side of the contract."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from support.observer.rpc import OperationFailed
from tests.observer.conftest import LISTEN, OpenScope

Eventually = Callable[[Callable[[], Any]], Any]


class Orchestrator:
    """Answers what ``statuses`` says (200 otherwise), keeps connections open until ``cut``, and notes every request."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Any]] = []
        self.statuses: dict[str, int] = {}
        self.cut = threading.Event()
        orchestrator = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                orchestrator.requests.append((self.command, self.path, json.loads(self.rfile.read(size)) if size else None))
                self.send_response(orchestrator.statuses.get(f"{self.command} {self.path}", 200))
                self.end_headers()
                if self.path.endswith("/connection"):
                    self.wfile.write(b"connected\n")
                    orchestrator.cut.wait(30)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer((LISTEN, 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://{LISTEN}:{self.server.server_port}"

    def seen(self, method: str, path: str) -> list[Any]:
        return [body for *request, body in self.requests if request == [method, path]]

    def end_connections(self) -> None:
        self.cut.set()
        self.cut = threading.Event()


@pytest.fixture
def orchestrator() -> Iterator[Orchestrator]:
    orchestrator = Orchestrator()
    threading.Thread(target=orchestrator.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield orchestrator
    orchestrator.cut.set()
    orchestrator.server.shutdown()
    orchestrator.server.server_close()


@pytest.fixture
def fleet(scope: OpenScope, orchestrator: Orchestrator) -> OpenScope:
    """A catalogue of four streams, and worker A."""
    scope.call("streams.set_catalogue", streams=["s1", "s2", "s3", "s4"])
    scope.call("streams.register", name="A", capacity=20, orchestrator_url=orchestrator.url, listen=LISTEN)
    return scope


def assign(scope: OpenScope, version: int, *streams: str, name: str = "A") -> httpx.Response:
    body = {"version": version, "streams": [{"id": s, "address": f"{scope.url}/streams/{s}"} for s in streams]}
    return httpx.put(f"{scope.url}/workers/{name}/assignment", json=body, timeout=10, trust_env=False)


def health(scope: OpenScope, name: str = "A") -> httpx.Response:
    return httpx.get(f"{scope.url}/workers/{name}/health", trust_env=False)


def test_joining_registers_and_connects(fleet: OpenScope, orchestrator: Orchestrator, eventually: Eventually) -> None:
    [body] = orchestrator.seen("POST", "/instances")
    assert body == {"instance_id": "A", "url": f"{fleet.url}/workers/A", "capacity": 20, "streams": []}
    eventually(lambda: orchestrator.seen("GET", "/instances/A/connection"))
    assert health(fleet).json() == {"instance_id": "A", "status": "healthy", "streams": []}


@pytest.mark.parametrize("status", [503, 500])
def test_who_cannot_serve_at_the_moment_is_asked_again(
    scope: OpenScope, orchestrator: Orchestrator, eventually: Eventually, status: int
) -> None:
    orchestrator.statuses["POST /instances"] = status
    with ThreadPoolExecutor(1) as pool:
        registered = pool.submit(scope.call, "streams.register", name="A", capacity=20, orchestrator_url=orchestrator.url)
        eventually(lambda: len(orchestrator.seen("POST", "/instances")) > 1)
        del orchestrator.statuses["POST /instances"]
        assert registered.result(timeout=10) == {"statuses": [200]}
    orchestrator.statuses["DELETE /instances/A"] = status
    with ThreadPoolExecutor(1) as pool:
        left = pool.submit(scope.call, "streams.leave", name="A")
        eventually(lambda: len(orchestrator.seen("DELETE", "/instances/A")) > 1)
        del orchestrator.statuses["DELETE /instances/A"]
        assert left.result(timeout=10) == {"status": 200}


def test_a_registration_that_is_refused_is_not_repeated(scope: OpenScope, orchestrator: Orchestrator) -> None:
    orchestrator.statuses["POST /instances"] = 422
    assert scope.call("streams.register", name="A", capacity=20, orchestrator_url=orchestrator.url) == {"statuses": [422]}
    assert len(orchestrator.seen("POST", "/instances")) == 1


def test_an_assignment_is_read_and_given_up(fleet: OpenScope) -> None:
    answer = assign(fleet, 1, "s1", "s2")
    assert (answer.status_code, answer.json()) == (200, {"version": 1, "streams": ["s1", "s2"]})
    assert [(e["stream"], e["reader"]) for e in fleet.events("read-started")] == [("s1", "A"), ("s2", "A")]
    assert assign(fleet, 2, "s2", "s3").status_code == 200
    assert [(e["stream"], e["how"]) for e in fleet.events("read-stopped")] == [("s1", "acknowledged")]
    assert health(fleet).json()["streams"] == ["s2", "s3"]


def test_versions_only_grow(fleet: OpenScope) -> None:
    assert [assign(fleet, version, "s1").status_code for version in (2, 2, 1, 3)] == [200, 200, 409, 200]
    assert httpx.put(f"{fleet.url}/workers/A/assignment", json={"version": 4}, trust_env=False).status_code == 422
    assert len(fleet.events("read-started")) == 1


def test_it_answers_after_its_held_stop_only(fleet: OpenScope, eventually: Eventually) -> None:
    assign(fleet, 1, "s1", "s2")
    fleet.call("streams.hold_stops", hold=True)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(assign, fleet, 2, "s2")
        eventually(lambda: fleet.call("streams.waiting_stops") == [["s1", "A"]])
        assert not answer.done()
        assert not fleet.events("read-stopped")
        fleet.call("streams.hold_stops", hold=False)
        assert answer.result().status_code == 200
    assert [e["how"] for e in fleet.events("read-stopped")] == ["acknowledged"]


def test_it_reconnects_and_sends_a_heartbeat(fleet: OpenScope, orchestrator: Orchestrator, eventually: Eventually) -> None:
    assign(fleet, 1, "s1")
    eventually(lambda: orchestrator.seen("GET", "/instances/A/connection"))
    orchestrator.end_connections()
    eventually(lambda: len(orchestrator.seen("GET", "/instances/A/connection")) == 2)
    assert eventually(lambda: orchestrator.seen("POST", "/instances/A/heartbeat")) == [{"streams": ["s1"]}]


def test_it_registers_again_when_it_is_unknown(fleet: OpenScope, orchestrator: Orchestrator, eventually: Eventually) -> None:
    assign(fleet, 1, "s1")
    eventually(lambda: orchestrator.seen("GET", "/instances/A/connection"))
    orchestrator.statuses["GET /instances/A/connection"] = 404
    orchestrator.end_connections()
    eventually(lambda: orchestrator.seen("POST", "/instances")[-1]["streams"] == ["s1"] or orchestrator.end_connections())


def test_heartbeats_follow_the_virtual_clock(fleet: OpenScope, orchestrator: Orchestrator) -> None:
    fleet.call("clock.advance", seconds=59, step=5)
    assert orchestrator.seen("POST", "/instances/A/heartbeat") == []
    fleet.call("clock.advance", seconds=301, step=5)
    assert len(orchestrator.seen("POST", "/instances/A/heartbeat")) == 5


def test_leaving_stops_first(fleet: OpenScope, orchestrator: Orchestrator) -> None:
    assign(fleet, 1, "s1")
    orchestrator.statuses["DELETE /instances/A"] = 204
    assert fleet.call("streams.leave", name="A") == {"status": 204}
    kinds = [e.what for e in fleet.history() if e.what in ("stop-acknowledged", "worker-left")]
    assert kinds == ["stop-acknowledged", "worker-left"]
    assert health(fleet).status_code == 404
    with pytest.raises(OperationFailed, match="no hosted worker A"):
        fleet.call("streams.leave", name="A")


def test_a_dropped_one_reads_on_and_is_not_reached(fleet: OpenScope, orchestrator: Orchestrator, eventually: Eventually) -> None:
    assign(fleet, 1, "s1")
    eventually(lambda: orchestrator.seen("GET", "/instances/A/connection"))
    fleet.call("streams.drop", name="A")
    assert assign(fleet, 2).status_code == 503
    before = len(orchestrator.requests)
    fleet.call("clock.advance", seconds=120, step=60)
    fleet.wait_for("tick", count=len(fleet.events("tick")) + 5)
    assert len(orchestrator.requests) == before
    assert fleet.events("read-stopped") == []


def test_registering_many_times_at_once(fleet: OpenScope, orchestrator: Orchestrator) -> None:
    assign(fleet, 1, "s1")
    answer = fleet.call("streams.register", name="A", capacity=5, orchestrator_url=orchestrator.url, times=4)
    assert answer == {"statuses": [200] * 4}
    bodies = orchestrator.seen("POST", "/instances")[1:]
    assert [(body["capacity"], body["streams"]) for body in bodies] == [(5, ["s1"])] * 4


def test_a_removed_stream_is_no_longer_read(fleet: OpenScope) -> None:
    assign(fleet, 1, "s1", "s2")
    fleet.call("streams.set_catalogue", streams=["s2"])
    assert assign(fleet, 2, "s2").status_code == 200
    assert [(e["stream"], e["how"]) for e in fleet.events("read-stopped")] == [("s1", "removed")]
    assert health(fleet).json()["streams"] == ["s2"]


def test_a_stream_that_comes_back_is_read_again(fleet: OpenScope) -> None:
    assign(fleet, 1, "s1", "s5")
    for streams in (["s2"], ["s1", "s5"]):
        fleet.call("streams.set_catalogue", streams=streams)
    fleet.wait_for("read-started", count=2, stream="s1")
    fleet.wait_for("read-started", stream="s5")
