"""Containers asked for where there are none: one line, soon. Needs no engine."""

from __future__ import annotations

import secrets
import socket
import time

import pytest

from support.outcomes import BadInput
from support.testbed import engine
from support.testbed.containers import Containers, available, sweep
from support.testbed.runs import folder


def test_no_socket_is_no_engine(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    assert available(["postgres:17"]) == "no Docker engine answers"
    assert sweep() == set()
    run_id = f"test-{secrets.token_hex(4)}"
    with pytest.raises(BadInput) as refused:
        Containers(run_id, lambda: None)
    assert str(refused.value) == "-D testbed=containers: no Docker engine answers"
    assert not folder(run_id).exists()


def test_an_engine_that_accepts_and_never_answers_is_none_after_a_second(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        assert available([]) == "no Docker engine answers"
        assert time.monotonic() - began < 3.0


def test_an_engine_elsewhere_is_refused(monkeypatch):
    monkeypatch.setattr(engine, "_is_ours", lambda gateway: False)
    if (reason := available([])) == "no Docker engine answers":
        pytest.skip(reason)
    assert reason is not None
    assert reason.startswith("the Docker engine is on another machine")


def test_an_address_of_this_machine_is_told_from_another():
    assert engine._is_ours("127.0.0.1")
    assert not engine._is_ours("192.0.2.77")
