"""What steps say they need: a misspelled capability would make its scenarios not applicable everywhere, and nobody would notice."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.run.plan import TESTBED
from support.target import contracts

ROOT = Path(__file__).parents[2]
PLAN = """
import json, sys
from behave.configuration import Configuration
from support.run.runner import Runner

plan = Runner(Configuration(["-D", "testbed=processes"]))._prepared.plan
json.dump([[e.identity["system"], e.identity["scenario"], sorted(e.needs.capabilities)] for e in plan.entries], sys.stdout)
"""


def unknown(system: str, need: str) -> bool:
    """Whether a need names no capability of a testbed or of the system's contract, or no program of it."""
    capability, colon, program = need.partition(":")
    contract = contracts().get(system)
    if colon:
        return capability not in TESTBED or (contract is not None and program not in contract.programs)
    return capability not in TESTBED and (contract is None or capability not in contract.capabilities)


@pytest.fixture(scope="module")
def needed() -> list[tuple[str, str, list[str]]]:
    ended = subprocess.run([sys.executable, "-c", PLAN], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    return [tuple(entry) for entry in json.loads(ended.stdout)]  # type: ignore[misc]


def test_every_need_of_every_scenario_is_known(needed: list[tuple[str, str, list[str]]]) -> None:
    assert len(needed) > 20
    assert [(scenario, need) for system, scenario, needs in needed for need in needs if unknown(system, need)] == []


@pytest.mark.parametrize("need", ["view", "kil:worker", "kill:orchestrater", "kill orchestrator", "rebalance:worker"])
def test_a_misspelled_need_is_found(need: str) -> None:
    assert unknown("streams", need)


def test_what_is_done_to_the_orchestrator_is_told_from_what_is_done_to_workers(needed: list[tuple[str, str, list[str]]]) -> None:
    needs = {scenario: set(found) for _, scenario, found in needed}
    assert {"kill:orchestrator", "restart"} <= needs["The orchestrator is killed while a rebalance runs"]
    assert "kill:worker" in needs["Two workers are killed at once"]
    assert "kill:orchestrator" not in needs["Two workers are killed at once"]
    assert "link:worker" in needs["A worker loses its connection for good"]
    assert "start:worker" not in needs["Ten workers register at once"]  # simulated ones need no program
