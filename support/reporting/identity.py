"""Who a scenario is: the same names in Allure, in the criteria page and in stored results."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from support.evidence.result import ScenarioResult
from support.reporting.run_info import RunInfo

_CRITERION = re.compile(r"[A-Z]+\d+(\.\d+)?")
_SEVERITIES = ("blocker", "critical", "normal", "minor", "trivial")


def rule_of(scenario: Any) -> Any | None:
    """The behave Rule that a scenario (or an outline's row) stands under."""
    parent = scenario.parent
    while parent is not None and type(parent).__name__ != "Rule":
        parent = getattr(parent, "parent", None)
    return parent


def identify(scenario: Any) -> dict[str, str]:
    """id, system, requirement, criterion, rule, scenario, location of a behave scenario: the feature files are the only registry."""
    rule = rule_of(scenario)
    criterion = next((str(tag) for tag in tags_of(scenario) if _CRITERION.fullmatch(tag)), "")
    parts = Path(scenario.filename).parts
    name = scenario.name.partition(" -- ")[0]  # behave numbers the rows of an outline; their names must differ by themselves
    following = parts[parts.index("features") + 1:-1] if "features" in parts else ()
    return {
        "id": f"{criterion}/{name}",
        "system": following[0] if following else "",
        "requirement": scenario.feature.name,
        "criterion": criterion,
        "rule": rule.name if rule else scenario.feature.name,
        "scenario": name,
        "location": f"{scenario.filename}:{scenario.line}",
    }


def tags_of(scenario: Any) -> list[str]:
    """Every tag that applies, the nearest first: the scenario's (with its row's), the rule's, the feature's."""
    rule = rule_of(scenario)
    tags = [*scenario.tags, *(rule.tags if rule else ()), *scenario.feature.tags]
    return list(dict.fromkeys(str(tag) for tag in tags))


def labels(identity: dict[str, str], tags: list[str]) -> list[tuple[str, str]]:
    """Allure's labels: epic, feature and story are system, requirement and criterion; every tag; the severity."""
    severity = next((tag for tag in tags if tag in _SEVERITIES), "critical" if "smoke" in tags else "normal")
    story = f"{identity['criterion']} {identity['rule']}".strip()
    return [
        *[(name, value) for name, value in (("epic", identity["system"]), ("feature", identity["requirement"]), ("story", story)) if value],
        ("severity", severity),
        *[("tag", tag) for tag in tags if tag not in _SEVERITIES],
        ("location", identity["location"]),
    ]


def place(identity: dict[str, str], run: RunInfo | None) -> dict[str, str]:
    """Allure's parameters that tell one place of judgement from another."""
    if run is None:
        return {}
    return {"testbed": run.testbed, "system": run.system(identity["system"])}


def test_case_id(identity: dict[str, str], row: dict[str, str], where: dict[str, str]) -> str:
    """The same in every run of one scenario, in one place; different for another row, rule, testbed or judged system."""
    parts = [identity["system"], identity["requirement"], identity["criterion"], identity["rule"], identity["scenario"],
             *(f"{name}={value}" for name, value in {**row, **where}.items())]
    return hashlib.md5("\x1f".join(parts).encode(), usedforsecurity=False).hexdigest()


def identity_of(result: ScenarioResult) -> dict[str, str]:
    """What ``identify`` gave for the scenario of this result."""
    return {name: getattr(result, name) for name in ("id", "system", "requirement", "criterion", "rule", "scenario", "location")}
