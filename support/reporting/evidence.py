"""What a scenario leaves behind in Allure. Called from ``after_scenario``, in the process that played it.

Pictures are not drawn here (matplotlib is never imported where time is measured): the report adds them, see ``plots``.
"""

from __future__ import annotations

from pathlib import Path

import allure

from support.evidence.result import ScenarioResult
from support.outcomes import Outcome
from support.reporting.cards import html_card, text_card
from support.reporting.run_info import RunInfo

LARGEST = 1_000_000  # bytes of one attachment: all of them are embedded in a single page


def attach(result: ScenarioResult, run_directory: Path) -> None:
    """Attach the verdict card, the history (JSON lines) and, unless all was met, every node's log. Does nothing without a formatter of Allure."""
    run = RunInfo.load(run_directory)
    card = text_card(result, run)
    folder = run_directory / result.directory
    (folder / "verdict.txt").write_text(card, encoding="utf-8")
    allure.attach(html_card(result, run), name="verdict", attachment_type=allure.attachment_type.HTML)
    allure.attach(card, name="verdict as text", attachment_type=allure.attachment_type.TEXT)
    for segment in sorted(folder.glob("*.jsonl")):
        _attach_file(segment, f"history: {segment.name}")
    if result.outcome is not Outcome.MET:
        for log in sorted((folder / "logs").glob("*.log")):
            _attach_file(log, f"log of {log.stem}")


def _attach_file(path: Path, name: str) -> None:
    """Its end, where it is too long: that is where the trouble is."""
    size = path.stat().st_size
    if size <= LARGEST:
        allure.attach.file(path, name=name, attachment_type=allure.attachment_type.TEXT)
        return
    with path.open("rb") as file:
        file.seek(size - LARGEST)
        file.readline()  # never half a line
        tail = file.read().decode(errors="replace")
    allure.attach(tail, name=f"{name} (its end; all {size} bytes in {path.name} of the run's folder)", attachment_type=allure.attachment_type.TEXT)
