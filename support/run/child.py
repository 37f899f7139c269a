"""A child of the supervisor: a behave runner that asks for scenarios, one batch after the other, and runs exactly those."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from behave.model import Feature, Rule, ScenarioOutline

from support.evidence.result import ScenarioResult
from support.outcomes import Outcome
from support.reporting.allure import final_result
from support.run.plan import Entry, Plan
from support.run.signals import Interrupted, Interrupts, end_with, leave_terminal
from support.scene.session import Session

_WHATEVER_FOLLOWED = (Outcome.MET, Outcome.VIOLATED)  # any other outcome may come from the interruption itself


class Child:
    """Lives in the forked process. ``runner`` is behave's, loaded before the fork; ``link`` leads to the supervisor."""

    def __init__(self, runner: Any, plan: Plan, link: Connection) -> None:
        self.runner = runner
        self.plan = plan
        self.link = link
        self.interrupts: Interrupts = runner.interrupts

    def main(self, session: Session, log: Path | None, parent: int) -> None:
        """Run what is assigned until there is no more; then put everything away. ``log`` takes what is printed, if given."""
        if log:
            _redirect_output(log)
        leave_terminal()
        self.interrupts.install(signal.SIGTERM)
        try:
            end_with(parent)
            if session.instruments.plugins:  # they get ready while the clusters do
                session.instruments.launch()
            self.runner.run_model(self._assigned())
            for hook in self.runner.crashed_hooks:
                self._send("trouble", {"text": _crash(hook, log)})
        except Interrupted as interruption:
            print(f"stopped by {interruption}")
        finally:
            with self.interrupts.deferred():
                session.close()

    def tell(self, kind: str, **data: Any) -> None:
        """``Session.tell``. A supervisor that is gone cannot be told anything: then this run is over."""
        self._send(kind, data)

    def _send(self, kind: str, data: dict[str, Any]) -> None:
        try:
            self.link.send((kind, data))
        except BrokenPipeError:
            raise Interrupted(signal.SIGTERM) from None

    def _assigned(self) -> Iterator[Feature]:
        """behave's features, each holding nothing but the scenarios that this child was given; results go back as they come."""
        while not self.runner.aborted and (batch := self._next()):
            scenarios = [entry.scenario for entry in batch]
            for entry in batch:
                if entry.reason:
                    entry.scenario.skip(entry.reason)  # formatters then show it with its reason
            with only(scenarios[0].feature, scenarios):
                yield scenarios[0].feature
            for entry in batch:
                result = self._result(entry)
                if result and (not self.interrupts.received or result.outcome in _WHATEVER_FOLLOWED):
                    self._send("result", {"result": result.to_dict()})

    def _next(self) -> list[Entry]:
        try:
            self._send("next", {})
            assignment = self.link.recv()
        except (EOFError, Interrupted):
            self.runner.abort("stopped")
            return []
        self.runner.session.more = assignment["more"]
        return [self.plan.entries[number] for number in assignment["numbers"]]

    def _result(self, entry: Entry) -> ScenarioResult | None:
        """What became of a scenario that this child was given; None: it was never begun (``--stop``)."""
        if entry.reason:
            return entry.result(Outcome.NOT_APPLICABLE, entry.reason)
        scenario = entry.scenario
        result: ScenarioResult | None = final_result(scenario)
        if result:
            return result
        parts = (scenario, scenario.parent, scenario.feature)
        troubles = list(dict.fromkeys(str(part.error_message) for part in parts if part.error_message))
        if not troubles and scenario.status.name == "untested":
            return None
        return entry.result(Outcome.BROKEN, "; ".join(troubles) or "it ended without a result")


@contextmanager
def only(feature: Feature, scenarios: Sequence[Any]) -> Iterator[None]:
    """Let a feature hold nothing but these scenarios, so that behave and every formatter see no others. Rows stand in for their outline."""
    wanted = {id(scenario) for scenario in scenarios}
    whole = [(container, container.run_items) for container in (*feature.rules, feature)]
    for container, items in whole:
        container.run_items = [kept for item in items for kept in _kept(item, wanted)]
    try:
        yield
    finally:
        for container, items in whole:
            container.run_items = items


def _kept(item: Any, wanted: set[int]) -> list[Any]:
    if isinstance(item, Rule):
        return [item] if item.run_items else []  # a feature's rules were reduced before it
    rows = item.scenarios if isinstance(item, ScenarioOutline) else [item]
    return [row for row in rows if id(row) in wanted]


def _redirect_output(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # so that nothing is lost when it is killed


def _crash(hook: str, log: Path | None) -> str:
    """What behave printed about a hook of the whole run that crashed; it keeps it nowhere else."""
    printed = log.read_text(encoding="utf-8", errors="replace").splitlines() if log else []
    return next((line for line in printed if line.startswith(f"HOOK-ERROR in {hook}")), f"{hook} crashed")
