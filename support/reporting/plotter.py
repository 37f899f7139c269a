"""Draws the pictures of a run, in a process of its own, so that a run never loads matplotlib beside what it measures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from support.evidence.result import ScenarioResult
from support.reporting.modules import import_of_every_system
from support.testbed.runs import RUN_LABEL

PICTURE = "picture.png"  # in the scenario's folder


class Plotter:
    """``draw`` each result once its ``result.json`` is stored, ``close`` before the report is built. The process starts with the first one."""

    def __init__(self, run_directory: Path) -> None:
        self.run_directory = run_directory
        self._process: subprocess.Popen[str] | None = None

    def draw(self, result: ScenarioResult) -> None:
        if not result.directory:  # it was never played
            return
        if self._process is None:
            command = [sys.executable, "-m", "support.reporting", "draw", str(self.run_directory)]
            log = (self.run_directory / "plotter.log").open("w", encoding="utf-8")
            with log:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=log, stderr=log, text=True, start_new_session=True, env=unlabelled())
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it ended early: close() says so
            self._process.stdin.write(f"{result.directory}\n")
            self._process.stdin.flush()

    def close(self, within: float = 20.0) -> str:
        """Wait for the pictures that are still to come. Answers a line about what went wrong, or nothing."""
        if self._process is None:
            return ""
        process, self._process = self._process, None
        try:
            process.communicate(timeout=within)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return f"pictures: not all were drawn within {within:.0f} s"
        return f"pictures: see {self.run_directory / 'plotter.log'}" if process.returncode else ""


def unlabelled() -> dict[str, str]:
    """The environment without the run's label: the report is made after a run is over, when another's sweep may end what carries it.

    Whoever is started with it must end by itself, soon after this process does.
    """
    return {name: value for name, value in os.environ.items() if name != RUN_LABEL}


def serve(run_directory: Path) -> int:
    """Draw the scenario folders that standard input names, one a line, until it ends. One that cannot be drawn is told and left out."""
    from support.reporting.plots import draw

    import_of_every_system("pictures")
    failed = 0
    for line in sys.stdin:
        folder = run_directory / line.rstrip("\n")
        try:
            draw(ScenarioResult.from_dict(json.loads((folder / "result.json").read_text(encoding="utf-8"))), run_directory)
        except Exception as error:  # noqa: BLE001 - a picture is never worth a report
            print(f"{folder}: {type(error).__name__}: {error}", flush=True)
            failed += 1
    return 1 if failed else 0
