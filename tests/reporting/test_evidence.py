"""What a scenario leaves behind: its card, its history, its logs, its picture."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import allure_commons
import pytest

from support.evidence.history import SECOND, Event, History
from support.evidence.result import ScenarioResult
from support.outcomes import Outcome
from support.reporting import evidence
from support.reporting.plots import draw, fault_windows, reads
from support.reporting.plotter import PICTURE, Plotter
from support.reporting.run_info import RunInfo
from support.testbed.runs import RUN_LABEL
from support.testbed.sweep import sweep
from tests.reporting.sample import build_run

PNG = b"\x89PNG\r\n\x1a\n"


class Attached:
    """Stands where Allure's formatter would."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    @allure_commons.hookimpl
    def attach_data(self, body: str, name: str) -> None:
        self.found[name] = body

    @allure_commons.hookimpl
    def attach_file(self, source: Path, name: str) -> None:
        self.found[name] = source.read_text()


@pytest.fixture
def attached() -> Iterator[dict[str, str]]:
    plugin = Attached()
    allure_commons.plugin_manager.register(plugin)
    yield plugin.found
    allure_commons.plugin_manager.unregister(plugin)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


def pick(results: list[ScenarioResult], scenario: str) -> ScenarioResult:
    return next(result for result in results if result.scenario == scenario)


def test_a_card_has_the_number_beside_its_limit(run: Path, attached: dict[str, str]) -> None:
    result = pick(build_run(run), "A worker's process is killed")
    evidence.attach(result, run)
    card = attached["verdict as text"]
    first, _, figures, *_ = card.splitlines()
    assert first.startswith("R1.2  The streams of an instance") and first.endswith(" MET")
    assert "± 0.03 s   limit at most 60 s   margin 53.6 s   samples 10" in figures
    assert "testbed processes · PostgreSQL 18.4 · seed 4711" in card
    assert "this scenario has caught: reassigns-after-70-seconds, second-death-forgotten" in card
    assert (run / result.directory / "verdict.txt").read_text() == card


def test_history_is_always_attached_and_logs_when_it_was_not_met(run: Path, attached: dict[str, str]) -> None:
    results = build_run(run)
    evidence.attach(pick(results, "A worker's process is killed"), run)
    assert set(attached) == {"verdict", "verdict as text", "history: observer.jsonl", "history: suite.jsonl"}
    evidence.attach(pick(results, "A worker's connection is lost for good"), run)
    assert "instance B disconnected" in attached["log of orchestrator"]


def test_a_card_shows_markup_as_text(run: Path, attached: dict[str, str]) -> None:
    result = replace(pick(build_run(run), "A worker's process is killed"), outcome=Outcome.BROKEN, reason="<script>alert(1)</script>")
    evidence.attach(result, run)
    assert "<script>" not in attached["verdict"] and "&lt;script&gt;" in attached["verdict"]


def test_of_a_huge_log_the_end_is_attached(run: Path, attached: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "LARGEST", 1000)
    result = pick(build_run(run), "A worker's connection is lost for good")
    (run / result.directory / "logs" / "worker.log").write_text("".join(f"line {i}\n" for i in range(1000)))
    evidence.attach(result, run)
    [body] = [body for name, body in attached.items() if name.startswith("log of worker (its end; all 8890 bytes")]
    assert body.endswith("line 999\n") and body.startswith("line ") and len(body) <= 1000


@pytest.mark.parametrize("scenario", ["A worker's process is killed", "A worker's connection is lost for good", "After 200 random changes",
                                      "A worker dies while a rebalance runs"])
def test_every_kind_of_verdict_has_a_picture(run: Path, scenario: str) -> None:
    picture = draw(pick(build_run(run), scenario), run)
    assert picture is not None and picture.read_bytes().startswith(PNG)


def test_without_a_history_there_is_no_picture(run: Path) -> None:
    result = pick(build_run(run), "A worker joins a full fleet")
    assert draw(result, run) is None


def test_reads_are_counted_as_the_source_saw_them() -> None:
    def event(seconds: float, what: str, stream: str, reader: str) -> Event:
        return Event(round(seconds * SECOND), "source", what, {"stream": stream, "reader": reader})

    history = History([event(1, "read-started", "s1", "A"), event(2, "read-started", "s2", "A"), event(2.5, "read-started", "s2", "A"),
                       event(3, "stop-acknowledged", "s1", "A"), event(3, "read-stopped", "s1", "A")])
    assert reads(history) == {"A": [(0.0, 0), (0.0, 1), (1.0, 2), (1.5, 2), (2.0, 1), (2.0, 1)]}


def test_a_fault_lasts_until_it_was_healed_or_the_record_ends() -> None:
    def event(t: int, what: str, fault: int) -> Event:
        return Event(t, "suite", what, {"id": fault, "fault": "frozen", "subjects": [f"W{fault}"]})

    history = History([event(10, "fault-called", 1), event(12, "fault-in-effect", 1), event(20, "fault-called", 2), event(30, "fault-healed", 1),
                       Event(50, "source", "tick", {"slip": 0})])
    assert list(fault_windows(history)) == [(10, 12, 30, "frozen W1"), (20, 20, 50, "frozen W2")]


def test_the_plotter_draws_beside_the_run_and_tells_what_it_could_not(run: Path) -> None:
    results = build_run(run)
    good, bad = pick(results, "A worker's process is killed"), pick(results, "A worker leaves cleanly")
    (run / bad.directory / "suite.jsonl").write_text("not json\n")
    plotter = Plotter(run)
    for result in (bad, good):
        plotter.draw(result)
    assert plotter.close(within=30) == f"pictures: see {run / 'plotter.log'}"
    assert (run / good.directory / PICTURE).read_bytes().startswith(PNG)
    assert bad.directory in (run / "plotter.log").read_text()


def test_a_sweep_of_another_run_does_not_end_the_plotter(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUN_LABEL, "a-run-that-is-over")
    result = pick(build_run(run), "A worker's process is killed")
    plotter = Plotter(run)
    plotter.draw(result)
    sweep()
    assert plotter.close(within=30) == ""


def test_a_plotter_that_was_never_asked_starts_nothing(run: Path) -> None:
    assert Plotter(run).close() == ""


def test_the_place_of_a_run_is_told_without_gaps() -> None:
    assert RunInfo("1", testbed="processes", seed=0).place == "testbed processes · seed 0"


def test_where_time_is_measured_matplotlib_is_not_imported() -> None:
    code = "import sys, support.run.hooks, support.reporting.report, support.reporting.allure; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
