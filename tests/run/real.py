"""The real suite, run by behave in a process of its own, with a folder for temporary files and one for reports that are its alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from support.deadline import until
from support.testbed.containers import available
from support.testbed.engine import RUN_LABEL as CONTAINER_LABEL
from support.testbed.engine import api
from support.testbed.procfs import labelled, running
from support.testbed.runs import RUN_LABEL
from support.testbed.shared_memory import segments

ROOT = Path(__file__).parents[2]
ENGINE_MISSING = available(["postgres:17"])


@dataclass
class Suite:
    """``temporary`` is reachable for others, as PostgreSQL's user needs it, and short, as Unix sockets do."""

    temporary: Path
    reports: Path
    testbed: str = "processes"
    env: dict[str, str] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)  # pids of its processes

    def begin(self, *args: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "behave", "-D", f"testbed={self.testbed}", "-D", f"reports={self.reports}", *args]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
        return subprocess.Popen(
            command, cwd=ROOT, env={**clean, "TMPDIR": str(self.temporary), **self.env},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)

    @property
    def runs(self) -> list[Path]:
        return sorted((self.reports / "runs").glob("*"))

    def left_behind(self) -> list[object]:
        """Processes, containers, networks and shared memory of these runs, and every temporary file."""
        ids = {run.name for run in self.runs}
        left: list[object] = [*self.processes(), *(segment for segment, maker, *_ in segments() if maker in self.seen)]
        if self.testbed == "containers":
            for run in ids:
                label = {"label": f"{CONTAINER_LABEL}={run}"}
                left += [found["Id"] for found in (*api().containers(all=True, filters=label), *api().networks(filters=label))]
        return left + sorted(self.temporary.iterdir())

    def processes(self) -> list[psutil.Process]:
        """Those of these runs, which are remembered."""
        ids = {run.name for run in self.runs}
        found = [process for process, run in labelled(RUN_LABEL) if run in ids and running(process)]
        self.seen |= {process.pid for process in found}
        return found

    def nodes(self) -> list[str]:
        """The command lines of the system's programs, as far as they run as processes."""
        lines = [" ".join(process.cmdline()) for process in self.processes()]
        return [line for line in lines if "reference_streams" in line]


@contextmanager
def suite(reports: Path, testbed: str = "processes") -> Iterator[Suite]:
    with tempfile.TemporaryDirectory(prefix="hf-", dir="/tmp") as folder:
        temporary = Path(folder)
        temporary.chmod(0o711)
        yield Suite(temporary, reports, testbed)


def wait_for_waiting(running_suite: subprocess.Popen[str], real: Suite) -> None:
    """Until the fault of a scenario is in effect: the fullest moment of a run."""

    def in_effect() -> bool:
        histories = real.reports.glob("runs/*/scenarios/*/suite.jsonl")
        return any("fault-in-effect" in history.read_text(encoding="utf-8") for history in histories)

    assert until(lambda: in_effect() or running_suite.poll() is not None, within=60)
    assert running_suite.poll() is None, running_suite.communicate()[0]
    real.processes()


def kill_with_everybody(running_suite: subprocess.Popen[str]) -> None:
    """SIGKILL for the supervisor and its children: nobody is left who could put anything away."""
    supervisor = psutil.Process(running_suite.pid)
    for process in (*(child for child in supervisor.children() if running(child) and child.cmdline() == supervisor.cmdline()), supervisor):
        process.kill()
    running_suite.communicate(timeout=30)
