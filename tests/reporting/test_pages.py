"""The pages themselves: complete, safe, rendered within bounds, published in one piece."""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path

import pytest

from support.reporting import allure_html, criteria
from support.reporting.publish import KEPT_RUNS, PAGES, publish
from support.reporting.report import build
from support.reporting.run_info import RunInfo
from tests.reporting.sample import RUN, build_run

INFO = RunInfo(**RUN)  # type: ignore[arg-type]


@pytest.fixture
def page(tmp_path: Path) -> str:
    return criteria.page(INFO, build_run(tmp_path / "run"))


@pytest.mark.parametrize("fact", [
    "12 May 2026, 14:03", "streams: reference", "testbed processes", "no Docker engine answers", "PostgreSQL 18.4", "4711", "259b06c",
    "± 0.031 s · availability ± 0 points (n = 6)", "met 6 of 8, 1 violated, 1 not applicable", "± 0.03 s", "at most 60 s", "53.6 s", "exceeded",
    "reassigns-after-70-seconds", "the system lacks the capability refresh",
])
def test_the_criteria_page_states(page: str, fact: str) -> None:
    assert fact in page


def test_an_outcome_is_told_by_word_and_symbol(page: str) -> None:
    for text in ("✓ met", "✗ violated", "– not applicable", "? could not judge", "! broken"):
        assert text in page


def test_the_criteria_page_needs_nothing_from_elsewhere(page: str) -> None:
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == ["index.html"]
    assert "@import" not in page and "url(" not in page


def test_allures_page_is_one_file_that_shows_the_scenarios(tmp_path: Path) -> None:
    try:
        allure_html.install()
    except allure_html.CouldNotRender as error:
        pytest.skip(f"no Allure here: {error}")
    directory = tmp_path / "reports" / "runs" / "1"
    results = [r for r in build_run(directory) if r.criterion in ("R1.4", "R1.5")]
    report = build(directory, results, {"services": 1.0})
    assert report.problems == []
    assert report.paths["index"] == tmp_path / "reports" / "index.html"
    html = report.paths["index"].read_text()
    assert "Holdfast 20260512-140301-4711" in html
    assert not re.search(r'<(script|link)[^>]+(src|href)="(?!data:|https?://)[^"]', html), "a part of it lies elsewhere"
    assert {path.name for path in (tmp_path / "reports").iterdir()} == {*PAGES, "runs", ".publishing"}


def test_an_unreachable_registry_is_told_in_one_line_and_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    begun = time.monotonic()
    with pytest.raises(allure_html.CouldNotRender) as caught:
        allure_html.install()
    assert time.monotonic() - begun < allure_html.INSTALLING_MAY_TAKE
    assert "\n" not in str(caught.value) and "ECONNREFUSED" in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_renderer_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "hang.js"
    program.write_text("setInterval(() => {}, 1000)")
    monkeypatch.setattr(allure_html, "install", lambda: program)
    monkeypatch.setattr(allure_html, "RENDERING_MAY_TAKE", 0.5)
    with pytest.raises(allure_html.CouldNotRender, match=r"did not answer within"):
        allure_html.render(tmp_path, tmp_path / "index.html", "x")
    assert not (tmp_path / "index.html").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a folder another user's")
def test_a_cache_of_another_user_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / f"allure-{allure_html.VERSION}" / "node_modules" / "allure" / "cli.js"
    program.parent.mkdir(parents=True)
    program.write_text("")
    for path in (tmp_path, program):
        os.chown(path, 12345, 12345)
    monkeypatch.setenv("HOLDFAST_CACHE", str(tmp_path))
    with pytest.raises(allure_html.CouldNotRender, match="belongs to another user"):
        allure_html.install()


def finished(reports: Path, number: int) -> Path:
    directory = reports / "runs" / str(number)
    directory.mkdir(parents=True)
    for name in ("run.json", *PAGES):
        (directory / name).write_text(f"run {number}")
    os.utime(directory, (number, number))
    return directory


def test_runs_that_end_together_publish_one_whole_report(tmp_path: Path) -> None:
    runs = [finished(tmp_path, number) for number in range(8)]
    threads = [threading.Thread(target=publish, args=(run, tmp_path)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({(tmp_path / name).read_text() for name in PAGES}) == 1
    assert {path.name for path in tmp_path.iterdir()} == {*PAGES, "runs", ".publishing"}


def test_the_newest_runs_are_kept(tmp_path: Path) -> None:
    runs = [finished(tmp_path, number) for number in range(KEPT_RUNS + 3)]
    stranger = tmp_path / "runs" / "notes"
    stranger.mkdir()
    publish(runs[-1], tmp_path)
    kept = {path.name for path in (tmp_path / "runs").iterdir()}
    assert kept == {str(number) for number in range(3, KEPT_RUNS + 3)} | {"notes"}
