"""The check against the contract: the reference has nothing to be found, a sloppy orchestrator is told what, one that does not start is said to."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from support.clusters.postgres import Postgres
from support.evidence.contract import ContractFindings
from support.scene.scene import Scene
from support.scene.session import Instruments, Session
from support.settings import load_settings
from support.systems.streams.contract_check import check
from support.target import is_reference, load_target
from support.testbed.processes import Processes
from support.testbed.runs import folder

HERE = Path(__file__).parent
STDLIB = HERE.parent / "implementations" / "stdlib_streams" / "target.toml"
SLOPPY = '["{python}", "' + str(HERE / "sloppy_orchestrator.py") + '"]'

Check = Callable[[str], ContractFindings]


@pytest.fixture
def checked(tmp_path: Path, testbed: Processes, postgres: Postgres) -> Check:
    """Check what a target file says, with seed 1."""

    def run(toml: str) -> ContractFindings:
        file = tmp_path / "t.toml"
        file.write_text(toml)
        settings = load_settings({"target": str(file)})
        instruments = Instruments(folder(testbed.run_id) / tmp_path.name, ["support.systems.streams.observers"])
        instruments.listen = testbed.listen_addresses()
        judged, clusters = load_target(settings), {"postgres": postgres}
        session = Session(settings, "test", tmp_path, judged, testbed, instruments, 1, lambda kind, **data: None, clusters)
        scene = Scene("contract", session, tmp_path / "contract", random.Random(1))
        try:
            return check(scene)
        finally:
            troubles = scene.close()
            instruments.close()
            assert not troubles

    return run


def target(command: str, lacks: str = "") -> str:
    return f'name = "x"\n[streams]\nlacks = [{lacks}]\n[streams.orchestrator]\ncommand = {command}\n'


def test_the_reference_keeps_to_the_contract(checked: Check) -> None:
    home = HERE.parents[1] / "support" / "references" / "streams"
    found = checked(target('["{python}", "-m", "reference_streams.orchestrator"]') + f'env = {{ PYTHONPATH = "{home}" }}\n')
    assert found.findings == ()
    assert int(found.checked.split()[0]) > 20


def test_findings_are_readable_lines(checked: Check) -> None:
    found = checked(target(SLOPPY, '"clock", "rebalance"'))
    starts = [finding.partition(" - answered")[0] for finding in found.findings]
    assert "GET /metrics: there is no such thing" in starts
    assert not any("/rebalance" in start for start in starts)  # it lacks that, and was not asked
    assert "POST /instances: server error" in starts
    assert any(start.startswith('GET /state: response violates schema: "catalogue_version" is a required property') for start in starts)
    assert any("/connection: 200 and \"connected\" are due at once" in start for start in starts)
    assert all("\n" not in finding and len(finding) < 400 for finding in found.findings)
    assert found.lines()[0].startswith(f"contract streams: {len(found.findings)} findings (")


def test_one_that_does_not_start_is_said_to(checked: Check) -> None:
    found = checked(target('["false"]'))
    assert found.checked == "it does not start"
    assert "ended with exit code 1 instead of serving" in found.findings[0]


def test_only_what_is_not_the_reference_is_checked() -> None:
    assert is_reference("streams", load_target(load_settings({})).system("streams"))
    assert is_reference("streams", load_target(load_settings({"streams_variant": "never-rebalances"})).system("streams"))
    assert not is_reference("streams", load_target(load_settings({"target": str(STDLIB)})).system("streams"))
