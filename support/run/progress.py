"""What is shown while a run goes on."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

from support.evidence.result import ScenarioResult
from support.evidence.wording import headline, quantity
from support.outcomes import Outcome
from support.reporting.run_info import leading
from support.run.plan import Entry, Plan

WAITING_EVERY = 10.0  # seconds between two lines about one waiting scenario, where lines cannot be rewritten
_OUTCOME = len("could not judge")


class Progress:
    """One line for each scenario that ends; on a terminal the last line shows what is being waited for."""

    def __init__(self, plan: Plan, stream: TextIO = sys.stdout) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._names = _names(plan)
        self._total = len(plan.entries)
        self._ended = 0
        self._told: dict[str, float] = {}

    def say(self, line: str) -> None:
        self._erase()
        print(line, file=self._stream, flush=True)

    def ended(self, result: ScenarioResult) -> None:
        """A scenario has its result. Not applicable ones are in the plan's lines already."""
        self._ended += 1
        if result.outcome is Outcome.NOT_APPLICABLE:
            return
        self.say(self._line(result.id, self._ended, result.outcome, _measured(result)))
        if result.outcome is not Outcome.MET:
            for line in result.reason.splitlines()[:5]:
                self.say(f"           {line}")

    def waiting(self, id: str, elapsed: float, limit: float | None = None, unit: str = "s", seen: str = "") -> None:
        """A scenario waits for the system: for how long of its limit, and what was seen last."""
        limited = f" of {quantity(limit, unit)}" if limit is not None and unit == "s" else ""
        line = self._line(id, self._ended + 1, "waiting", f"{elapsed:.0f} s{limited}: {seen}")
        if self._live:
            self._erase()
            print(line[:shutil.get_terminal_size().columns - 1], end="", file=self._stream, flush=True)
        elif time.monotonic() - self._told.get(id, float("-inf")) >= WAITING_EVERY and elapsed >= WAITING_EVERY:
            self._told[id] = time.monotonic()
            self.say(line)

    def _line(self, id: str, number: int, word: str, rest: str) -> str:
        return f"{number:>3}/{self._total:<3}  {self._names[id]}  {word:<{_OUTCOME}}  {rest}".rstrip()

    def _erase(self) -> None:
        if self._live:
            print("\r\x1b[K", end="", file=self._stream)


def plan_lines(plan: Plan, jobs: int, *, every: bool) -> list[str]:
    """The plan in one line and a line for each scenario that is not applicable; with ``every``, for each scenario."""
    names = _names(plan)
    parts = [
        f"{len(plan.entries)} scenario{'s' if len(plan.entries) != 1 else ''}",
        f"clusters: {', '.join(plan.clusters) or 'none'}",
        f"about {plan.seconds(jobs):.0f} s" if plan.applicable else "nothing to run",
        f"{len(plan.not_applicable)} not applicable",
    ]
    return [f"plan     {' · '.join(parts)}", *(_plan_line(entry, names[entry.id]) for entry in plan.entries if every or entry.reason)]


def _names(plan: Plan) -> dict[str, str]:
    """id → criterion and scenario, all of one width."""
    shown = {entry.id: f"{entry.identity['criterion']:<5}  {entry.identity['scenario']}" for entry in plan.entries}
    width = max(map(len, shown.values()), default=0)
    return {id: name.ljust(width) for id, name in shown.items()}


def _plan_line(entry: Entry, name: str) -> str:
    what = f"not applicable: {entry.reason}" if entry.reason else f"about {max(1, round(entry.seconds))} s{', alone' if entry.alone else ''}"
    return f"         {name}  {what}"


def _measured(result: ScenarioResult) -> str:
    judgement = leading(result)
    return headline(judgement.verdict) if judgement else ""


