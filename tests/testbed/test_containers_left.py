"""What containers leave behind, which is nothing, and which images they come from. Real engine."""

from __future__ import annotations

import secrets
import subprocess
import sys

import pytest

from support.outcomes import BadInput
from support.testbed import engine
from support.testbed.containers import Containers, available
from support.testbed.engine import RUN_LABEL, api
from support.testbed.interface import NodeSpec
from support.testbed.sweep import sweep

pytestmark = pytest.mark.skipif(available([]) is not None, reason=f"{available([])}")


def left_of(run_id: str) -> list[str]:
    label = {"label": f"{RUN_LABEL}={run_id}"}
    return [found["Id"] for found in api().containers(all=True, filters=label)] + [found["Id"] for found in api().networks(filters=label)]


def test_closed_it_leaves_nothing():
    run_id = f"test-{secrets.token_hex(4)}"
    with Containers(run_id, lambda: None) as bed:
        bed.node(NodeSpec("left", ["sleep", "60"], image="redis:8")).start()
        assert len(left_of(run_id)) == 2
    assert left_of(run_id) == []


def test_the_sweep_removes_what_a_killed_run_left_and_nothing_of_a_living_one():
    run_id = f"test-{secrets.token_hex(4)}"
    program = f"""
import os, signal
from support.testbed.containers import Containers
from support.testbed.interface import NodeSpec
bed = Containers({run_id!r}, lambda: None)
bed.node(NodeSpec("left", ["sleep", "60"], image="redis:8")).start()
bed.node(NodeSpec("not-started", ["sleep", "60"], image="redis:8"))
os.kill(os.getpid(), signal.SIGKILL)
"""
    with Containers(f"test-{secrets.token_hex(4)}", lambda: None) as living:
        node = living.node(NodeSpec("living", ["sleep", "60"], image="redis:8"))
        node.start()
        subprocess.run([sys.executable, "-c", program], check=False)
        assert len(left_of(run_id)) == 2
        assert run_id in sweep()
        assert left_of(run_id) == []
        assert node.alive()


def test_an_image_that_cannot_be_had_is_named():
    assert "image nonsuch:1 is neither here nor in a registry" in str(available(["nonsuch:1"]))
    with Containers(f"test-{secrets.token_hex(4)}", lambda: None) as bed, pytest.raises(BadInput, match="nonsuch:1"):
        bed.node(NodeSpec("x", ["true"], image="nonsuch:1"))


def test_the_official_image_comes_first_and_then_the_equivalent_of_the_same_version(monkeypatch):
    def resolved(local: set[str], pullable: set[str]) -> str:
        engine.resolve.cache_clear()
        monkeypatch.setattr(engine, "_is_local", lambda image: image in local)
        monkeypatch.setattr(engine, "_is_pullable", lambda image: image in pullable)
        return engine.resolve("postgres:17")

    assert resolved({"postgres:17", "holdfast/postgres:17"}, set()) == "postgres:17"
    assert resolved({"holdfast/postgres:17"}, {"postgres:17"}) == "postgres:17"
    assert resolved({"holdfast/postgres:17"}, set()) == "holdfast/postgres:17"
    with pytest.raises(BadInput, match="postgres:17"):
        resolved({"holdfast/postgres:16"}, set())
    engine.resolve.cache_clear()
