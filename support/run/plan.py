"""The plan: which scenarios are run, what they need, which are not applicable here and why, how long it takes. Made before anything starts."""

from __future__ import annotations

import dataclasses
import heapq
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.evidence.result import ScenarioResult
from support.outcomes import Outcome
from support.reporting.identity import identify, tags_of
from support.run.needs import Needs
from support.settings import Shard
from support.target import Contract, SystemTarget, Target, contracts

OVERHEAD = 1.0   # seconds that a scenario takes beside what its steps declare
START_UP = 3.0   # seconds before the first scenario begins
TESTBED = frozenset({"start", "kill", "stop", "restart", "freeze", "signal", "run", "link"})  # capabilities that a testbed may have


@dataclass(frozen=True)
class Entry:
    """One scenario of the plan. ``scenario`` is behave's; ``reason`` says why it is not applicable, if it is not. ``seconds`` is an estimate."""

    number: int
    scenario: Any
    identity: Mapping[str, str]
    needs: Needs
    seconds: float
    reason: str = ""

    @property
    def id(self) -> str:
        return self.identity["id"]

    @property
    def alone(self) -> bool:
        """Whether nothing else may run beside it."""
        return "alone" in self.scenario.effective_tags

    def result(self, outcome: Outcome, reason: str) -> ScenarioResult:
        """The result of a scenario that never came to one of its own."""
        identity: dict[str, Any] = dict(self.identity)
        return ScenarioResult(**identity, outcome=outcome, reason=reason, tags=tuple(tags_of(self.scenario)))


@dataclass(frozen=True)
class Plan:
    entries: tuple[Entry, ...]

    @property
    def applicable(self) -> list[Entry]:
        return [entry for entry in self.entries if not entry.reason]

    @property
    def not_applicable(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.reason]

    @property
    def clusters(self) -> list[str]:
        return sorted({cluster for entry in self.applicable for cluster in entry.needs.clusters})

    @property
    def systems(self) -> list[str]:
        return sorted({entry.identity["system"] for entry in self.applicable})

    def seconds(self, jobs: int) -> float:
        """How long it takes: the longest first, side by side; then, one by one, what must run alone."""
        ends = [0.0] * max(1, jobs)
        for seconds in sorted((e.seconds for e in self.applicable if not e.alone), reverse=True):
            heapq.heapreplace(ends, ends[0] + seconds)
        return START_UP + max(ends) + sum(e.seconds for e in self.applicable if e.alone)


def make_plan(needed: list[tuple[Any, Needs]], target: Target, testbed: frozenset[str], lasted: Mapping[str, float]) -> Plan:
    """``needed``: the selected scenarios with what their steps need; ``testbed``: its capabilities; ``lasted``: id → seconds of earlier runs."""
    entries = []
    for number, (scenario, needs) in enumerate(needed):
        identity = identify(scenario)
        if runs_already(target, identity["system"]):
            needs = dataclasses.replace(needs, clusters=frozenset())  # it has its own
        seconds = lasted.get(identity["id"], OVERHEAD + needs.seconds)
        entries.append(Entry(number, scenario, identity, needs, seconds, _obstacle(identity["system"], needs, target, testbed)))
    return Plan(tuple(entries))


def part_of(needed: list[tuple[Any, Needs]], shard: Shard) -> list[tuple[Any, Needs]]:
    """One shard of a selection: dealt out like cards, the longest first, so that all parts take about as long; the same on every machine."""
    longest_first = sorted(range(len(needed)), key=lambda i: (-needed[i][1].seconds, needed[i][0].filename, needed[i][0].line))
    return [needed[i] for i in sorted(longest_first[shard.number - 1::shard.of])]


def _obstacle(system: str, needs: Needs, target: Target, testbed: frozenset[str]) -> str:
    """Why a scenario with these needs is not applicable here; empty if it is."""
    contract = contracts().get(system)
    if contract is None:
        missing = sorted(need for need in needs.capabilities if need.partition(":")[0] not in testbed)
        return f'this testbed cannot "{missing[0]}"' if missing else ""
    if system not in target.systems:
        return f"the target ({target.name}) has no {system} system"
    part = target.systems[system]
    if runs_already(target, system) and not part.suite_listen:
        return f"the {contract.main} runs already, and the target ({target.name}) does not say suite_listen: where it finds the suite's side"
    obstacles = (_obstacle_to(need, contract, part, target.name, testbed) for need in sorted(needs.capabilities))
    return next(filter(None, obstacles), "")


def _obstacle_to(need: str, contract: Contract, part: SystemTarget, name: str, testbed: frozenset[str]) -> str:
    """Why one need cannot be had here; empty if it can."""
    capability, _, named = need.partition(":")
    program = named or (contract.main if need in contract.capabilities else "")
    main = part.program(contract.main)
    if need in part.lacks:
        return f'the target ({name}) lacks "{need}"'
    if main.runs_already and need in contract.in_database and not part.database:
        return f'the {contract.main} runs already, and the target ({name}) gives no database to see "{need}" in'
    if capability not in TESTBED:
        return ""
    if program in part.programs and part.program(program).runs_already:
        return _obstacle_outside(capability, program, contract, part, name)
    if need == "link" and main.url and main.url.startswith("https:"):
        return f"the {contract.main} is reached by https: its certificate does not hold on a link"
    return "" if capability in testbed else f'this testbed cannot "{capability}"'


def _obstacle_outside(capability: str, program: str, contract: Contract, part: SystemTarget, name: str) -> str:
    """Why a capability cannot be had on a program that runs already."""
    if capability == "start" and program == contract.main:
        return ""
    if capability != "link":
        return f'the {program} runs already: the suite cannot "{capability}" it'
    return "" if capability in part.allow else f'the {program} runs already, and the target ({name}) does not allow "{capability}" on it'


def runs_already(target: Target, system: str) -> bool:
    """Whether what is judged as this system was started by somebody else."""
    contract = contracts().get(system)
    return contract is not None and system in target.systems and target.systems[system].program(contract.main).runs_already


def suite_listens(plan: Plan, target: Target) -> list[str]:
    """``host:port`` of each place where a running system of the plan was told to find the suite's side."""
    parts = [target.systems[system] for system in plan.systems if runs_already(target, system)]
    return [part.suite_listen for part in parts if part.suite_listen]


def load_durations(reports: Path) -> dict[str, float]:
    """id → seconds, as earlier runs measured them; nothing where there were none."""
    try:
        loaded: dict[str, float] = json.loads((reports / "durations.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):  # only estimates: start afresh
        return {}
    return loaded


def save_durations(reports: Path, results: list[ScenarioResult]) -> None:
    """Remember how long what was judged took."""
    lasted = {r.id: round(r.duration, 2) for r in results if r.outcome in (Outcome.MET, Outcome.VIOLATED) and r.duration}
    path = reports / "durations.json"
    draft = reports / f".durations.{os.getpid()}"  # runs that end at once do not share it
    draft.write_text(json.dumps({**load_durations(reports), **lasted}, indent=1, sort_keys=True), encoding="utf-8")
    draft.replace(path)
