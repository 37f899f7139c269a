"""Stored runs: judged again, merged, rendered; and what is said of those that cannot be read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from support.evidence.result import ScenarioResult
from support.outcomes import BadInput, ExitCode, Outcome
from support.reporting import allure_html
from support.reporting.__main__ import main
from support.reporting.criteria import outcomes_on
from support.reporting.recheck import recheck
from support.reporting.report import build
from tests.reporting.sample import build_run


@pytest.fixture(autouse=True)
def _no_rendering(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about what is in the pages, not about Allure's own."""

    def refuse() -> Path:
        raise allure_html.CouldNotRender("the npm registry cannot be reached")

    monkeypatch.setattr(allure_html, "install", refuse)


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Path, list[ScenarioResult]]:
    directory = tmp_path / "run"
    return directory, build_run(directory)


def picture(directory: Path, results: list[ScenarioResult]) -> None:
    """A stand-in, so that the report need not draw."""
    for result in results:
        if result.directory:
            (directory / result.directory / "picture.png").write_bytes(b"\x89PNG")


def test_recheck_agrees_with_what_was_judged(stored: tuple[Path, list[ScenarioResult]], capsys: pytest.CaptureFixture[str]) -> None:
    directory, _ = stored
    assert main(["recheck", str(directory)]) == ExitCode.MET
    told = capsys.readouterr().out
    assert "agrees   R1.2/A worker's process is killed" in told
    assert "16 of 16 verdicts agree" in told


def test_recheck_agrees_with_a_violation(stored: tuple[Path, list[ScenarioResult]]) -> None:
    directory, _ = stored
    [violated] = [c for c in recheck(directory) if c.stored.outcome is Outcome.VIOLATED]
    assert violated.agrees


def test_recheck_finds_what_the_history_does_not_bear_out(stored: tuple[Path, list[ScenarioResult]], capsys: pytest.CaptureFixture[str]) -> None:
    directory, _ = stored
    path = directory / "scenarios" / "R1.2-14" / "verdicts.json"
    data = json.loads(path.read_text())
    data[0]["verdict"]["value"] = 1.0
    path.write_text(json.dumps(data))
    assert main(["recheck", str(directory)]) == ExitCode.VIOLATED
    told = capsys.readouterr().out
    assert "DIFFERS  R1.2/A worker's process is killed" in told
    assert "15 of 16 verdicts agree" in told


def test_recheck_does_not_look_beyond_what_the_verdict_knew(stored: tuple[Path, list[ScenarioResult]]) -> None:
    directory, _ = stored
    segment = directory / "scenarios" / "R1.2-16" / "observer.jsonl"  # the violated one: three streams were never read again
    with segment.open("a") as file:
        file.write(json.dumps({"t": 9_999 * 10**9, "by": "source", "what": "read-started", "stream": "s23", "reader": "A"}) + "\n")
    assert all(c.agrees for c in recheck(directory))


@pytest.mark.parametrize("spoil", [
    lambda d: (d / "scenarios" / "R1.2-14" / "verdicts.json").write_text("[{"),
    lambda d: (d / "scenarios" / "R1.2-14" / "verdicts.json").write_text(json.dumps([{"step": "x", "check": {"check": "Unknown"}, "verdict": {}}])),
    lambda d: (d / "scenarios" / "R1.2-14" / "suite.jsonl").write_text("not json\n"),
    lambda d: (d / "scenarios" / "R1.2-14" / "result.json").write_text("{}"),
])
def test_recheck_refuses_what_it_cannot_read(stored: tuple[Path, list[ScenarioResult]], spoil: object, capsys: pytest.CaptureFixture[str]) -> None:
    directory, _ = stored
    spoil(directory)  # type: ignore[operator]
    assert main(["recheck", str(directory)]) == ExitCode.BAD_INPUT
    [line] = capsys.readouterr().err.splitlines()
    assert "R1.2-14" in line


@pytest.mark.parametrize("action", ["recheck", "render"])
def test_a_folder_that_is_no_run_is_bad_input(tmp_path: Path, action: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([action, str(tmp_path)]) == ExitCode.BAD_INPUT
    assert str(tmp_path) in capsys.readouterr().err


def shards(tmp_path: Path) -> tuple[Path, Path, list[ScenarioResult]]:
    """Two finished runs, each of which judged every second scenario."""
    folders = tmp_path / "1", tmp_path / "2"
    for number, folder in enumerate(folders):
        results = build_run(folder)
        picture(folder, results)
        build(folder, results[number::2])
    return *folders, results


def test_merged_shards_are_one_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, results = shards(tmp_path)
    merged = tmp_path / "merged"
    assert main(["merge", str(first), str(second), "-o", str(merged)]) == ExitCode.VIOLATED
    assert "R1.2 met 6 of 8, 1 violated, 1 not applicable" in capsys.readouterr().out
    assert outcomes_on((merged / "criteria.html").read_text()) == {r.id: r.outcome for r in results}
    assert len(list((merged / "allure-results").glob("*-result.json"))) == len(results)
    assert all(c.agrees for c in recheck(merged))


def test_a_scenario_that_two_shards_judged_keeps_the_worse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, results = shards(tmp_path)
    doubled = replace(results[0], outcome=Outcome.VIOLATED, reason="violated: seen by the second")
    build(second, [*results[1::2], doubled])
    merged = tmp_path / "merged"
    main(["merge", str(first), str(second), "-o", str(merged)])
    assert "was judged twice" in capsys.readouterr().err
    assert outcomes_on((merged / "criteria.html").read_text())[doubled.id] is Outcome.VIOLATED
    shown = [json.loads(p.read_text()) for p in (merged / "allure-results").glob("*-result.json")]
    assert [data["status"] for data in shown if data["name"] == doubled.scenario] == ["failed"]


def test_merge_wants_a_new_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = tmp_path / "run"
    build_run(directory)
    assert main(["merge", str(directory), "-o", str(directory)]) == ExitCode.BAD_INPUT
    assert "not empty" in capsys.readouterr().err


def test_a_run_without_allures_page_says_how_to_get_it(stored: tuple[Path, list[ScenarioResult]]) -> None:
    directory, results = stored
    picture(directory, results)
    report = build(directory, results)
    [problem] = report.problems
    command = f"python -m support.reporting render {directory}"
    assert problem == f"Allure's page was not rendered: the npm registry cannot be reached. Later: {command}"
    assert command in report.paths["index"].read_text()


def test_build_without_a_run_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        build(tmp_path, [])
