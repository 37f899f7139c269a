"""A system that somebody else started: judged by its address, without a fault on it, and left as it was found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from support.clusters.postgres import Postgres
from support.deadline import until
from support.testbed.interface import NodeSpec
from support.testbed.processes import Processes
from tests.reference.programs import HOME
from tests.reference.surroundings import free_port

ROOT = Path(__file__).parents[2]
JUDGED = ["The first worker finds every stream waiting", "The same worker registers five times at once", "A worker leaves in good order"]
NEEDS_A_KILL = "What was queued survives the death of the orchestrator"


@dataclass
class Running:
    """The reference's orchestrator, started by hand."""

    url: str
    dsn: str
    suite_listen: str

    def behave(self, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
        target = folder / "staging.toml"
        target.write_text(f'name = "staging"\n[streams]\nsuite_listen = "{self.suite_listen}"\n[streams.orchestrator]\nurl = "{self.url}"\n')
        names = [word for name in (*JUDGED, NEEDS_A_KILL) for word in ("--name", name)]
        command = [sys.executable, "-m", "behave", "-D", f"target={target}", "-D", f"reports={folder / 'reports'}", "-D", "seed=1", *names, *options]
        environment = {**os.environ, "HOLDFAST_STREAMS_DATABASE": self.dsn}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def running(testbed: Processes, postgres: Postgres) -> Iterator[Running]:
    database, listen = postgres.lease(), f"127.0.0.1:{free_port()}"
    suite = f"http://{listen}/deployed"
    node = testbed.node(NodeSpec("by-hand", [sys.executable, "-m", "reference_streams.orchestrator"], ports=["http"], env={
        "PYTHONPATH": str(HOME), "STREAMS_LISTEN": "{listen}:{port:http}", "STREAMS_DATABASE_URL": database.dsn,
        "STREAMS_CATALOGUE_URL": f"{suite}/catalogue", "STREAMS_CLOCK_URL": f"{suite}/clock"}))
    node.start()
    url = f"http://{node.address('http')}"
    assert until(lambda: _answers(url), within=15), node.log()
    yield Running(url, database.host_dsn, listen)
    node.remove()
    database.release()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").status_code in (200, 503)  # it waits for the suite's clock
    except httpx.TransportError:
        return False


def test_while_it_cannot_serve_yet_it_says_so(running: Running) -> None:
    """It waits for the suite's clock; its database is still empty."""
    answer = httpx.get(f"{running.url}/health")
    assert (answer.status_code, answer.json()) == (503, {"status": "unhealthy"})


def test_it_is_judged_and_left_empty(running: Running, tmp_path: Path) -> None:
    ended = running.behave(tmp_path, "-D", "testbed=processes")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    [run] = (tmp_path / "reports" / "runs").iterdir()
    outcomes = {r["scenario"]: (r["outcome"], r["reason"]) for r in json.loads((run / "results.json").read_text())}
    assert outcomes.pop(NEEDS_A_KILL) == ("not applicable", 'the orchestrator runs already: the suite cannot "kill" it')
    assert outcomes == dict.fromkeys(JUDGED, ("met", ""))

    lines = ended.stdout.splitlines()
    told = lines.index("faults   worker (started by the suite): stop in 1 of them")
    assert lines[told - 1] == "faults   orchestrator (runs already; allowed: no fault): none"
    assert any(line.startswith("contract streams: no findings (it runs already, so it was only read from: ") for line in lines[told:])
    assert "it runs already, so it was only read from" in (run / "criteria.html").read_text()
    assert not any("postgres" in line for line in lines if line.startswith("plan"))  # it has its own

    state = httpx.get(f"{running.url}/state").json()
    assert state["assignments"] == state["unassigned"] == []
    assert {i["status"] for i in state["instances"]} == {"inactive"}
    assert not any(running.dsn.split(":")[2].split("@")[0] in file.read_text(errors="replace") for file in run.rglob("*") if file.is_file())


def test_where_nothing_can_be_started_simulated_workers_remain(running: Running, tmp_path: Path) -> None:
    plan = running.behave(tmp_path, "-D", "testbed=deployed", "--dry-run").stdout
    applicable = [line for line in plan.splitlines() if line.startswith("         R1") and "not applicable" not in line]
    assert len(applicable) == 1 and JUDGED[1] in applicable[0]
    assert 'not applicable: this testbed cannot "start"' in plan
