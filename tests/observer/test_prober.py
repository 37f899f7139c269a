"""The open-loop prober against services that answer, refuse, hang and talk nonsense."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.evidence.availability import Availability
from support.evidence.history import SECOND
from support.observer.process import ObserverProcess
from support.observer.rpc import OperationFailed
from tests.observer.conftest import LISTEN, OpenScope


@contextmanager
def service(answer: bytes, delay: float = 0.0) -> Iterator[str]:
    """A service that gives the same answer to everybody, after ``delay`` seconds."""
    loop = asyncio.new_event_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(delay)
        writer.write(answer)
        writer.close()

    server = loop.run_until_complete(asyncio.start_server(serve, LISTEN, 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield f"http://{LISTEN}:{server.sockets[0].getsockname()[1]}/health"
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    server.close()
    loop.close()


def test_a_good_service(scope: OpenScope) -> None:
    with service(b"HTTP/1.1 200 OK\r\n\r\nfine") as url:
        scope.call("probe.start", name="p", url=url)
        scope.wait_for("probe", count=6)
        scope.call("probe.stop", name="p")
    [plan] = scope.events("probing")
    probes = sorted(scope.events("probe"), key=lambda p: p["scheduled"])
    assert (plan["url"], plan["rate"], plan["timeout"]) == (url, 20, 1.0)
    assert [p["scheduled"] for p in probes] == [plan["first"] + k * SECOND // 20 for k in range(len(probes))]
    known = [p for p in probes if p["sent"] is not None]
    assert known
    assert all(p["ok"] and p["status"] == 200 and p["scheduled"] - 2_000_000 <= p["sent"] <= p["done"] for p in known)
    assert scope.events("probing-ended")[0].t >= max(p.t for p in probes)


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", 503, None),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", 302, None),
        (b"nonsense\r\n", None, "ValueError"),
        (b"", None, "ValueError"),
    ],
)
def test_a_bad_answer_is_a_failure(scope: OpenScope, answer: bytes, status: int | None, error: str | None) -> None:
    with service(answer) as url:
        scope.call("probe.start", name="p", url=url)
        [probe, *_] = scope.wait_for("probe", status=status, error=error)
        scope.call("probe.stop", name="p")
    assert not probe["ok"]
    assert probe["sent"] is not None


def test_nobody_there_is_a_failure(scope: OpenScope) -> None:
    with socket.create_server((LISTEN, 0)) as reserved:
        url = f"http://{LISTEN}:{reserved.getsockname()[1]}"
    scope.call("probe.start", name="p", url=url)
    assert not any(p["ok"] for p in scope.wait_for("probe", count=3))


def test_a_slow_service_does_not_slow_the_schedule(scope: OpenScope) -> None:
    with service(b"HTTP/1.1 200 OK\r\n\r\n", delay=0.5) as url:
        scope.call("probe.start", name="p", url=url, timeout=0.2)
        scope.wait_for("probe", count=10)
        scope.call("probe.stop", name="p")
    probes = sorted(scope.events("probe"), key=lambda p: p["scheduled"])
    assert [b["scheduled"] - a["scheduled"] for a, b in itertools.pairwise(probes)] == [SECOND // 20] * (len(probes) - 1)
    assert {(p["ok"], p["error"]) for p in probes if p["sent"] is not None} == {(False, "TimeoutError")}


def test_what_the_prober_could_not_send_is_unknown(tmp_path: Path) -> None:
    with service(b"HTTP/1.1 200 OK\r\n\r\n") as url, ObserverProcess.start(tmp_path, [LISTEN]) as observer:
        scope = OpenScope(observer, "s", tmp_path)
        scope.call("probe.start", name="p", url=url)
        scope.wait_for("probe", count=3)
        os.kill(observer.pid, signal.SIGSTOP)
        time.sleep(0.5)  # the length of the freeze
        os.kill(observer.pid, signal.SIGCONT)
        scope.wait_for("probe", count=20)
        scope.call("probe.stop", name="p")
        history = scope.history()
    unsent = [p for p in history.of("probe") if p["sent"] is None]
    assert len(unsent) >= 7
    assert not any(p["ok"] for p in unsent)
    first, last = history.of("probing")[0]["first"], history.of("probe")[-1]["scheduled"]
    assert Availability("p", first, last, limit=99).judge(history, final=True).outcome == "could not judge"


def test_probes_are_asked_for_sensibly(scope: OpenScope) -> None:
    for url in ("ftp://127.0.0.1/", "http://user:secret@127.0.0.1/"):
        with pytest.raises(OperationFailed, match="needs an http"):
            scope.call("probe.start", name="p", url=url)
    with pytest.raises(OperationFailed, match="no probe p"):
        scope.call("probe.stop", name="p")
    scope.call("probe.start", name="p", url="http://127.0.0.1:9")
    with pytest.raises(OperationFailed, match="runs already"):
        scope.call("probe.start", name="p", url="http://127.0.0.1:9")
