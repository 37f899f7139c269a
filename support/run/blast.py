"""What a run will do to a system that runs already, told before it begins."""

from __future__ import annotations

from collections import Counter

from support.run.plan import Plan, runs_already
from support.target import Target, contracts

FAULTS = ("kill", "stop", "freeze", "restart", "link")


def blast_radius(plan: Plan, target: Target) -> list[str]:
    """For each running system: what is changed there, and which faults are done to which of its programs in how many scenarios."""
    lines: list[str] = []
    for system in plan.systems:
        if runs_already(target, system):
            lines += _of(system, plan, target)
    return lines


def _of(system: str, plan: Plan, target: Target) -> list[str]:
    contract, part = contracts()[system], target.systems[system]
    scenarios = [entry for entry in plan.applicable if entry.identity["system"] == system]
    done = Counter(need for entry in scenarios for need in entry.needs.capabilities if need.partition(":")[0] in FAULTS)
    count = f"{len(scenarios)} scenario{'s' if len(scenarios) != 1 else ''}"
    what = f"{count}, one after another, each with {system} and instances of its own, which are taken away again"
    lines = [f"running  {target.name}: {what}"]
    for program in contract.programs:
        faults = [f"{fault} in {done[f'{fault}:{program}']}" for fault in FAULTS if done[f"{fault}:{program}"]]
        here = part.programs[program].runs_already
        whose = f"runs already; allowed: {', '.join(sorted(part.allow)) or 'no fault'}" if here else "started by the suite"
        lines.append(f"faults   {program} ({whose}): {', '.join(faults) + ' of them' if faults else 'none'}")
    return lines
