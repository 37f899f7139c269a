"""A toy project of features, steps and hooks, run by behave in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil
import pytest

from support.testbed.procfs import labelled, running
from support.testbed.runs import RUN_LABEL, folder
from tests.run import warm

BEHAVE = [sys.executable, "-m", "behave"]


class Toy:
    """A copy of the toy project. It knows nothing of the machine's testbeds: ``-D testbed=processes`` unless said otherwise."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def _environment(self, env: Mapping[str, str]) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
        return {"HOLDFAST_TESTBED": "processes", **clean, **env}

    def behave(self, *args: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*BEHAVE, *args], cwd=self.directory, env=self._environment(env or {}), capture_output=True, text=True, timeout=60)

    def quickly(self, *args: str, env: Mapping[str, str] | None = None) -> warm.Ended:
        """The same, in a process whose imports are done already."""
        return warm.behave(self.directory, list(args), self._environment(env or {}))

    def begin(self, *args: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen([*BEHAVE, *args], cwd=self.directory, env=self._environment(env or {}), stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, start_new_session=True)

    def noted(self, name: str) -> list[tuple[str, int, float]]:
        """(scenario, pid, when) of each line that hooks or steps wrote."""
        path = self.directory / name
        lines = [line.split("\t") for line in path.read_text().splitlines()] if path.exists() else []
        return [(scenario, int(pid), float(when)) for scenario, pid, when in lines]

    @property
    def runs(self) -> list[Path]:
        return sorted((self.directory / "reports" / "runs").glob("*"))

    def left_behind(self) -> list[object]:
        """Processes and folders of this toy's runs."""
        ids = {run.name for run in self.runs}
        processes: list[object] = [process for process, run in labelled(RUN_LABEL) if run in ids and running(process)]
        return processes + [path for path in map(folder, ids) if path.exists()]

    def children(self, supervisor: int) -> list[psutil.Process]:
        """The forks of a supervisor: they have its command line."""
        parent = psutil.Process(supervisor)
        return [child for child in parent.children() if running(child) and child.cmdline() == parent.cmdline()]


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    shutil.copytree(Path(__file__).parent / "toy", tmp_path / "toy", ignore=shutil.ignore_patterns("__pycache__", "reports", "*.txt"))
    return Toy(tmp_path / "toy")
