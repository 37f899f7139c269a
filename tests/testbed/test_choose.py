"""Which testbed is chosen, and what is said where none can be had."""

from __future__ import annotations

import secrets

import pytest

from support.outcomes import BadInput
from support.testbed import choose
from support.testbed.containers import Containers
from support.testbed.deployed import Deployed
from support.testbed.interface import HOST, NodeSpec
from support.testbed.processes import Processes
from tests.testbed.test_processes import no_relay


def engine(monkeypatch: pytest.MonkeyPatch, obstacle: str | None) -> list[object]:
    """Docker as ``obstacle`` says; returns the images that were asked for."""
    asked: list[object] = []
    monkeypatch.setattr(choose, "available", lambda images: asked.append(images) or obstacle)
    return asked


def test_auto_takes_containers_where_they_can_be_had(monkeypatch):
    asked = engine(monkeypatch, None)
    chosen = choose.decide("auto", ["postgres:18"])
    assert (chosen.testbed, chosen.reason, asked) == (Containers, "a Docker engine answers", [["postgres:18"]])


def test_auto_takes_processes_elsewhere_and_says_why(monkeypatch):
    engine(monkeypatch, "no Docker engine answers")
    chosen = choose.decide("auto")
    assert (chosen.testbed, chosen.name, chosen.reason) == (Processes, "processes", "no Docker engine answers")


def test_containers_by_name_are_bad_input_where_they_cannot_be_had(monkeypatch):
    engine(monkeypatch, "no Docker engine answers")
    with pytest.raises(BadInput, match=r"^-D testbed=containers: no Docker engine answers; .*-D testbed=processes$"):
        choose.decide("containers")


@pytest.mark.parametrize(("name", "kind"), [("processes", Processes), ("deployed", Deployed)])
def test_others_by_name_ask_no_engine(monkeypatch, name, kind):
    asked = engine(monkeypatch, None)
    assert choose.decide(name).testbed is kind and asked == []


def test_an_unknown_name_is_bad_input():
    with pytest.raises(BadInput, match="testbed=submarine: choose auto, containers, processes or deployed"):
        choose.decide("submarine")


def test_the_testbed_knows_its_reason():
    with choose.choose("processes", f"test-{secrets.token_hex(4)}", no_relay) as testbed:
        assert (testbed.name, testbed.reason) == ("processes", "as asked")
        assert [testbed.host_address(HOST)] == testbed.listen_addresses() == ["127.0.0.1"]


def test_deployed_starts_nothing():
    said = "starts no programs, and orchestrator is one"
    with choose.choose("deployed", f"test-{secrets.token_hex(4)}", no_relay) as testbed, pytest.raises(BadInput, match=said):
        testbed.node(NodeSpec("orchestrator", ["true"]))
