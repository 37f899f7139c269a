"""One run from its first process to its last line."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from support.evidence.result import ScenarioResult
from support.outcomes import BadInput, ExitCode
from support.reporting.report import build
from support.reporting.run_info import RunInfo
from support.reporting.tally import exit_code
from support.run.blast import blast_radius
from support.run.contract import check_contracts
from support.run.plan import save_durations
from support.run.prepare import Prepared
from support.run.progress import Progress, plan_lines
from support.run.services import Services
from support.run.signals import Interrupted, Interrupts
from support.run.summary import last_lines
from support.run.supervisor import Supervisor
from support.testbed.runs import RUN_LABEL


class Run:
    """``child(run, number, link)`` is what a forked child does."""

    def __init__(self, prepared: Prepared, interrupts: Interrupts, child: Callable[[Run, int, Connection], None], *, stop_early: bool) -> None:
        self.prepared = prepared
        self.directory = (prepared.settings.reports / "runs" / prepared.run_id).absolute()
        self.services = Services(prepared, self.directory)
        self.times = dict.fromkeys(("services", "waiting", "suite", "teardown"), 0.0)
        self._preparing = time.time() - psutil.Process().create_time()  # seconds until here: Python, imports, reading, planning
        self.progress = Progress(prepared.plan)
        self._interrupts = interrupts
        self._supervisor = Supervisor(
            prepared.plan, self.progress, lambda number, link: child(self, number, link), self.child_log,
            stop_early=stop_early, whole_features=prepared.whole_features,
        )
        self._info = RunInfo(
            run_id=prepared.run_id,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            seed=prepared.seed,
            testbed=prepared.testbed.name,
            reason=prepared.testbed.reason,
            systems=dict.fromkeys(prepared.target.systems, prepared.target.name),
            commit=_commit(),
        )

    def child_log(self, number: int) -> Path | None:
        """Where a child's output goes; None where somebody reads along at the terminal."""
        return None if self.prepared.whole_features else self.directory / "logs" / f"child-{number}.log"

    def judge(self) -> int:
        """Run the plan, put everything away, report. Answers the exit code. BadInput passes through, after everything was put away."""
        os.environ[RUN_LABEL] = self.prepared.run_id  # every process that is started from here on carries it
        self._make_directory()
        self._announce()
        interruption: Interrupted | None = None
        try:
            with self._guarded():
                self._start_and_run()
        except Interrupted as interrupted:
            interruption = interrupted
        finally:
            with self._interrupts.deferred(), self._guarded(), self._spending("teardown"):
                self.services.close()
        with self._interrupts.deferred():
            code = self._report()
        return interruption.exit_code if interruption else code

    def _make_directory(self) -> None:
        try:
            self.directory.mkdir(parents=True)
        except OSError as error:
            raise BadInput(f"-D reports={self.prepared.settings.reports}: {error.filename}: {error.strerror}") from None

    def _announce(self) -> None:
        prepared, info = self.prepared, self._info
        systems = " · ".join(f"{system}: {info.systems[system]}" for system in prepared.plan.systems if system in info.systems)
        start = f"Holdfast · testbed {info.testbed} ({info.reason})"
        self.progress.say(" · ".join(part for part in (start, systems, f"seed {info.seed}") if part))
        for line in plan_lines(prepared.plan, prepared.jobs, every=False):
            self.progress.say(line)
        for line in blast_radius(prepared.plan, prepared.target):
            self.progress.say(line)
        if prepared.whole_features:
            self.progress.say("         one scenario at a time, so that behave's own formatters can show them")

    def _start_and_run(self) -> None:
        with self._spending("services"):
            self._describe()
            self.services.launch()
            for found in check_contracts(self.prepared, self.services, self.directory, self.progress.say):
                for line in found.lines():
                    self.progress.say(line)
        with self._spending("suite"):
            self._supervisor.run(self.prepared.jobs, self._get_ready)

    def _get_ready(self) -> None:
        with self._spending("services"):
            self.services.await_ready(self.progress.say)
            self._describe()

    def _describe(self) -> None:
        """Write ``run.json``, as far as things are known by now."""
        self._info = dataclasses.replace(self._info, versions=self.services.versions, calibration=self.services.calibration())
        path = self.directory / "run.json"
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(dataclasses.asdict(self._info), indent=1), encoding="utf-8")
        draft.replace(path)

    def _report(self) -> int:
        self._describe()
        results = list(self._supervisor.results.values())
        troubles = self._supervisor.troubles
        require = self.prepared.settings.require
        self._divide_time(results)
        pages: dict[str, Path] = {}
        with self._guarded():
            if results:
                pages = self._pages(results)
        for line in last_lines(self.prepared.plan, results, troubles, self.times, pages, require):
            self.progress.say(line)
        code = exit_code(results, require)
        return ExitCode.NOT_JUDGED if troubles and code == ExitCode.MET else code

    def _pages(self, results: list[ScenarioResult]) -> dict[str, Path]:
        save_durations(self.prepared.settings.reports, results)
        report = build(self.directory, results, self.times)
        for problem in report.problems:
            self.progress.say(f"report   {problem}")
        return report.paths

    def _divide_time(self, results: list[ScenarioResult]) -> None:
        """Split the wall time of the scenarios, which overlap, in the proportion of what they spent it on."""
        wall = self.times["suite"]
        spent = {name: sum(result.times.get(name, 0.0) for result in results) for name in self.times}
        if total := sum(spent.values()):
            self.times["suite"] = 0.0
            for name, seconds in spent.items():
                self.times[name] += wall * seconds / total
        self.times["suite"] += self._preparing

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """A failure of the suite itself breaks the run, which still puts everything away and reports what was done."""
        try:
            yield
        except BadInput:
            raise
        except Exception as error:  # noqa: BLE001 - told with all of its traceback, and by the exit code
            traceback.print_exc()
            self._supervisor.troubles.append(f"{type(error).__name__}: {error}")

    @contextmanager
    def _spending(self, on: str) -> Iterator[None]:
        """Count the time of a block, without what is counted inside it."""
        begun, counted = time.monotonic(), sum(self.times.values())
        try:
            yield
        finally:
            self.times[on] += time.monotonic() - begun - (sum(self.times.values()) - counted)


def _commit() -> str:
    """The commit of the working tree that behave runs in, with ``+`` if it was changed; empty outside of git."""
    try:
        shown = subprocess.run(["git", "describe", "--always", "--dirty=+", "--exclude=*"], capture_output=True, text=True, check=False)
    except FileNotFoundError:  # no git
        return ""
    return shown.stdout.strip()
