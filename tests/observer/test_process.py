"""Starting, commanding and ending an observer process, and what happens when one of the two is gone."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from support.observer.process import ObserverDied, ObserverProcess
from support.observer.rpc import OperationFailed
from tests.observer.conftest import LISTEN, OpenScope


def test_serves_each_listen_address(tmp_path: Path) -> None:
    with ObserverProcess.start(tmp_path, ["127.0.0.1", "127.0.0.2"]) as observer:
        urls = observer.call("open", scope="s", directory=str(tmp_path))["urls"]
        assert {httpx.get(f"{url}/clock", trust_env=False).status_code for url in urls.values()} == {200}
        assert urls["127.0.0.2"].startswith("http://127.0.0.2:")


def test_uses_a_port_that_is_named_and_says_when_it_is_taken(tmp_path: Path) -> None:
    with socket.create_server((LISTEN, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ObserverDied, match=f"cannot listen on {LISTEN}:{port}"):
            ObserverProcess.start(tmp_path, [f"{LISTEN}:{port}"])
    with ObserverProcess.start(tmp_path, [f"{LISTEN}:{port}"]) as observer:
        assert observer.urls == {f"{LISTEN}:{port}": f"http://{LISTEN}:{port}"}


def test_works_however_deep_its_directory_lies(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a-rather-long-name-of-a-directory"] * 5)
    with ObserverProcess.start(deep, []) as observer, pytest.raises(OperationFailed, match="unknown operation"):
        observer.call("nonsense")


def test_leaves_no_socket_and_closes_twice(tmp_path: Path) -> None:
    observer = ObserverProcess.start(tmp_path, [])
    observer.close()
    observer.close()
    assert not psutil.pid_exists(observer.pid)
    assert [path.name for path in tmp_path.iterdir()] == ["observer.log"]


def test_a_dead_observer_is_named_with_its_last_words(tmp_path: Path) -> None:
    with ObserverProcess.start(tmp_path, []) as observer:
        os.kill(observer.pid, signal.SIGKILL)
        with pytest.raises(ObserverDied, match="exit code -9"):
            observer.call("close", scope="s")


def test_an_unknown_plugin_is_a_clear_failure(tmp_path: Path) -> None:
    with pytest.raises(ObserverDied, match="No module named 'no_such_plugin'"):
        ObserverProcess.start(tmp_path, [], ["no_such_plugin"])


def test_dies_with_its_parent(tmp_path: Path, eventually: Callable[[Callable[[], Any]], Any]) -> None:
    program = (
        "import pathlib, sys, time; from support.observer.process import ObserverProcess;"
        "print(ObserverProcess.start(pathlib.Path(sys.argv[1]), []).pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        observer = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    eventually(lambda: not observer.is_running() or observer.status() == psutil.STATUS_ZOMBIE)


def test_refused_operations_do_no_harm(scope: OpenScope) -> None:
    with pytest.raises(OperationFailed, match="is open already"):
        scope.call("open", directory="/tmp")
    with pytest.raises(OperationFailed, match="scope nowhere is not open"):
        scope.observer.call("clock.state", scope="nowhere")
    scope.observer.call("close", scope="nowhere")
    assert scope.call("clock.state")["epoch"] == 0


def test_threads_may_call_at_once(scope: OpenScope) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: scope.call("clock.state")["rate"], range(64))) == [1] * 64


def test_ticks_prove_that_it_lived(scope: OpenScope) -> None:
    ticks = scope.wait_for("tick", count=5)
    gaps = [b.t - a.t for a, b in itertools.pairwise(ticks)]
    assert all(gap >= 90_000_000 for gap in gaps)
    assert all(tick["slip"] >= 0 for tick in ticks)


def test_a_frozen_observer_shows_as_slip(tmp_path: Path) -> None:
    with ObserverProcess.start(tmp_path, [LISTEN]) as observer:
        scope = OpenScope(observer, "s", tmp_path)
        scope.wait_for("tick")
        os.kill(observer.pid, signal.SIGSTOP)
        time.sleep(0.4)  # the length of the freeze, not a wait for something
        os.kill(observer.pid, signal.SIGCONT)
        late = scope.wait_for("tick", count=4)
        assert max(tick["slip"] for tick in late) > 250_000_000


def test_nothing_is_served_outside_of_open_scopes(scope: OpenScope, http: httpx.Client) -> None:
    assert http.get(scope.url.replace(scope.name, "other") + "/clock").status_code == 404
    assert http.get(f"{scope.url}/nothing").status_code == 404
    assert http.get(scope.url).status_code == 404
    scope.observer.call("close", scope=scope.name)
    assert http.get(f"{scope.url}/clock").status_code == 404
