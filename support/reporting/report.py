"""From a run's directory to what people open: Allure as one file, the criteria page, the timing."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from html import escape
from pathlib import Path

from support.evidence.contract import load_contracts
from support.evidence.result import ScenarioResult
from support.reporting import allure_html, allure_results, criteria
from support.reporting.plotter import PICTURE, Plotter
from support.reporting.publish import publish
from support.reporting.run_info import RunInfo, store_results
from support.reporting.tally import natural


@dataclass(frozen=True)
class Report:
    """Where the pages are (``index``, ``criteria``, ``timing``), and what could not be made, a line each."""

    paths: dict[str, Path]
    problems: list[str]


def build(run_directory: Path, results: list[ScenarioResult], times: dict[str, float] | None = None) -> Report:
    """Make every page of a run; a run below ``reports/runs`` is published in ``reports``.

    ``times`` is where the whole run's wall time went, in seconds (scenarios overlap, their sums do not tell). Raises
    BadInput without a ``run.json``. A missing picture, or Allure that cannot be had, is a problem and never an error.
    """
    run = RunInfo.load(run_directory)
    results = sorted(results, key=lambda r: natural(r.location))  # as the feature files have them
    store_results(run_directory, results)
    (run_directory / "criteria.html").write_text(criteria.page(run, results, load_contracts(run_directory)), encoding="utf-8")
    (run_directory / "timing.json").write_text(json.dumps(timing(run, results, times or {}), indent=1), encoding="utf-8")
    problems = _draw_missing(run_directory, results)
    problems += allure_results.complete(run_directory, run, results)
    problems += render(run_directory, run)
    return Report(publish_pages(run_directory), problems)


def _draw_missing(run_directory: Path, results: list[ScenarioResult]) -> list[str]:
    """Draw the pictures that are not there yet: when a run is over, so that nothing disturbs what it measures."""
    plotter = Plotter(run_directory)
    for result in results:
        if not (run_directory / result.directory / PICTURE).exists():
            plotter.draw(result)
    return [problem for problem in [plotter.close()] if problem]


def render(run_directory: Path, run: RunInfo) -> list[str]:
    """Make ``index.html`` out of ``allure-results``; where that is not possible a page that says how, and the reason in a line."""
    page = run_directory / "index.html"
    try:
        allure_html.render(run_directory / "allure-results", page, f"Holdfast {run.run_id}")
    except allure_html.CouldNotRender as error:
        command = f"python -m support.reporting render {run_directory}"
        page.write_text(_not_rendered(str(error), command), encoding="utf-8")
        return [f"Allure's page was not rendered: {error}. Later: {command}"]
    return []


def _not_rendered(reason: str, command: str) -> str:
    return (f"<!doctype html><meta charset=utf-8><title>Not rendered yet</title><body style='font:16px/1.5 system-ui;margin:3rem'>"
            f"<h1>Allure's report was not rendered</h1><p>{escape(reason)}</p><p>Its results are kept. To render them:</p>"
            f"<pre>{escape(command)}</pre><p>The outcome of this run is in <a href=criteria.html>the criteria page</a>.</p>")


def publish_pages(run_directory: Path) -> dict[str, Path]:
    """Publish a run that lies below ``reports/runs``. Answers where its pages are now."""
    if run_directory.parent.name == "runs":
        copies = publish(run_directory, run_directory.parent.parent)
    else:
        copies = [run_directory / name for name in ("index.html", "criteria.html", "timing.json")]
    return {path.stem: path for path in copies}


def timing(run: RunInfo, results: list[ScenarioResult], times: dict[str, float]) -> dict[str, object]:
    """What ``timing.json`` holds: the run's wall time, the sums over scenarios, and each scenario, in seconds."""
    sums: dict[str, float] = defaultdict(float)
    for result in results:
        for name, seconds in result.times.items():
            sums[name] += seconds
    return {
        "run": run.run_id,
        "unit": "s",
        "wall": {name: round(seconds, 3) for name, seconds in times.items()},
        "sum_over_scenarios": {name: round(seconds, 3) for name, seconds in sums.items()},
        "scenarios": [{"id": r.id, "outcome": r.outcome, "duration": round(r.duration, 3), "times": r.times} for r in results],
    }
