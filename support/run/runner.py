"""behave's runner of ours: ``runner = support.run.runner:Runner`` in behave.ini."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import nullcontext
from multiprocessing.connection import Connection
from typing import NoReturn

from behave.formatter._registry import make_formatters
from behave.formatter.base import StreamOpener
from behave.runner import Runner as BehaveRunner

from support.outcomes import BadInput, ExitCode
from support.reporting.allure import AllureFormatter
from support.run.blast import blast_radius
from support.run.child import Child
from support.run.judging import Run
from support.run.plan import suite_listens
from support.run.prepare import QUIET, prepare
from support.run.progress import plan_lines
from support.run.signals import STOPPING, Interrupts
from support.scene.session import Instruments, Session, plugins_of
from support.testbed.runs import folder


class Runner(BehaveRunner):  # type: ignore[misc]  # behave is untyped
    """Plans, runs side by side, judges. ``session`` is there in the children, for hooks.

    The constructor already reads and checks everything, because behave prints a line between it and ``run``: a mistake is
    told in one line and nothing else.
    """

    session: Session

    def __init__(self, config: object) -> None:
        super().__init__(config)
        self.interrupts = Interrupts()
        self.crashed_hooks: list[str] = []  # of those that belong to the whole run
        try:
            self._prepared = prepare(self)
        except BadInput as error:
            _refuse(error)
        except Exception:  # noqa: BLE001 - told in full; behave would exit with 1, which says that something was violated
            traceback.print_exc()
            raise SystemExit(ExitCode.NOT_JUDGED) from None

    def run(self) -> NoReturn:
        """Judge, or with ``--dry-run`` show the plan. Ends with one of ``ExitCode``, or 128 + the signal that stopped it."""
        with self.path_manager:
            if self.config.dry_run:
                self._show_plan()
                raise SystemExit(ExitCode.MET)
            self.interrupts.install(*STOPPING)
            run = Run(self._prepared, self.interrupts, self._child, stop_early=self.config.stop)
            try:
                code = run.judge()
            except BadInput as error:
                _refuse(error)
        raise SystemExit(code)

    def run_hook(self, hook_name: str, *args: object) -> bool:
        """behave's, except that nothing is interrupted while it puts things away, and that a crash is remembered."""
        with self.interrupts.deferred() if hook_name.startswith("after_") else nullcontext():
            passed = bool(super().run_hook(hook_name, *args))
        if self.interrupts.received and not self.aborted:
            self.abort("stopped")
        if not passed and hook_name in ("before_all", "after_all"):
            self.crashed_hooks.append(hook_name)
        return passed

    def _show_plan(self) -> None:
        prepared = self._prepared
        if self.config.format != [QUIET]:  # somebody asks behave itself, for a catalogue of the steps and the like
            self.formatters = make_formatters(self.config, self.config.outputs)
            self.run_model()
            return
        print(f"Holdfast · testbed {prepared.testbed.name} ({prepared.testbed.reason})")
        for line in (*plan_lines(prepared.plan, prepared.jobs, every=True), *blast_radius(prepared.plan, prepared.target)):
            print(line)

    def _child(self, run: Run, number: int, link: Connection) -> None:
        prepared = self._prepared
        child = Child(self, prepared.plan, link)
        testbed = run.services.testbed
        assert testbed is not None  # it was started before anything was forked
        instruments = Instruments(folder(prepared.run_id) / f"child-{number}", plugins_of(prepared.plan.systems))
        instruments.listen = testbed.listen_addresses()
        instruments.told = suite_listens(prepared.plan, prepared.target)
        run.services.instruments = instruments
        self.session = Session(
            settings=prepared.settings,
            run_id=prepared.run_id,
            directory=run.directory,
            target=prepared.target,
            testbed=testbed,
            instruments=instruments,
            seed=prepared.seed,
            tell=child.tell,
            clusters=run.services.clusters,
        )
        self.formatters = [] if self.config.format == [QUIET] else make_formatters(self.config, self.config.outputs)
        self.formatters.append(AllureFormatter(StreamOpener(str(run.directory / "allure-results")), self.config))
        child.main(self.session, run.child_log(number), parent=os.getppid())


def _refuse(error: BadInput) -> NoReturn:
    print(f"behave: {error}", file=sys.stderr)
    raise SystemExit(ExitCode.BAD_INPUT) from None
