"""The real suite on real services: whatever ends a run, nothing stays behind. (Databases go with their server, whose files are temporary ones.)"""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from support.deadline import until
from tests.run.real import ENGINE_MISSING, Suite, kill_with_everybody, suite, wait_for_waiting

KILLED = ("--name", "^A worker's process is killed$")
JOINS = ("--name", "^A third worker joins two that share everything$")



def killed_amid_a_failover(real: Suite) -> None:
    running = real.begin(*KILLED)
    wait_for_waiting(running, real)
    kill_with_everybody(running)
    assert real.left_behind()


def judged(run: Path) -> tuple[str, str]:
    """The run's only scenario and its outcome."""
    [path] = run.glob("scenarios/*/result.json")
    found = json.loads(path.read_text(encoding="utf-8"))
    return found["id"], found["outcome"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_told_to_stop_amid_a_failover(tmp_path: Path, number: signal.Signals) -> None:
    with suite(tmp_path / "reports") as real:
        running = real.begin(*KILLED)
        wait_for_waiting(running, real)
        assert real.nodes()
        running.send_signal(number)
        output, _ = running.communicate(timeout=60)
        assert running.returncode == 128 + number, output
        assert real.left_behind() == []


def test_told_to_stop_when_the_next_scenario_was_prepared(tmp_path: Path) -> None:
    with suite(tmp_path / "reports") as real:
        running = real.begin("--jobs=1", *KILLED, *JOINS)
        wait_for_waiting(running, real)

        def prepared() -> bool:
            return sum("orchestrator" in line for line in real.nodes()) == 2

        assert until(prepared, within=20), real.nodes()
        assert list(real.reports.glob("runs/*/ahead-*/observer.jsonl"))
        running.send_signal(signal.SIGTERM)
        output, _ = running.communicate(timeout=60)
        assert running.returncode == 128 + signal.SIGTERM, output
        assert real.left_behind() == [] and not list(real.reports.glob("runs/*/ahead-*"))


@pytest.mark.skipif(ENGINE_MISSING is not None, reason=str(ENGINE_MISSING))
def test_killed_amid_a_failover_and_swept_by_the_next_run(tmp_path: Path) -> None:
    with suite(tmp_path / "reports", "containers") as real:
        killed_amid_a_failover(real)
        running = real.begin(*JOINS)
        output, _ = running.communicate(timeout=120)
        assert running.returncode == 0, output
        assert real.left_behind() == []


def test_killed_and_swept_by_two_runs_at_once_which_share_a_folder_of_reports(tmp_path: Path) -> None:
    with suite(tmp_path / "reports") as real:
        killed_amid_a_failover(real)
        [killed] = real.runs
        both = [real.begin(*KILLED), real.begin(*JOINS)]
        outputs = [running.communicate(timeout=120)[0] for running in both]
        assert [running.returncode for running in both] == [0, 0], outputs
        assert sorted(judged(run) for run in real.runs if run != killed) == [
            ("R1.1/A third worker joins two that share everything", "met"), ("R1.2/A worker's process is killed", "met")]
        shown = json.loads((real.reports / "timing.json").read_text())["run"]
        for page in ("index.html", "criteria.html"):  # all three are of the run that ended last
            assert (real.reports / page).read_bytes() == (real.reports / "runs" / shown / page).read_bytes()
        assert real.left_behind() == []
