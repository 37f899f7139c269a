"""From the loaded features to the selected scenarios and what each needs. What cannot be run is one line of BadInput."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

from behave.matchers import MatchWithError
from behave.runner import the_step_registry as step_registry

from support.outcomes import BadInput
from support.reporting.identity import identify
from support.run.needs import Needs, needs_of
from support.settings import did_you_mean

CRITERION = re.compile(r"[A-Z]+\d+(\.\d+)?")


def select(features: list[Any], config: Any, require: tuple[str, ...] = ()) -> list[tuple[Any, Needs]]:
    """The scenarios that behave itself would run (tags, names, ``file:line``), each with the needs of all its steps."""
    scenarios = [scenario for feature in features for scenario in feature.walk_scenarios()]
    _check_identities(scenarios)
    _check_criteria(scenarios, config, require)
    selected = [scenario for scenario in scenarios if scenario.should_run(config)]
    if not selected:
        raise BadInput(f"the selection matches none of {len(scenarios)} scenarios{_near(scenarios, config)}")
    seen: dict[tuple[str, str], Needs] = {}
    return [(scenario, _needs(scenario, seen)) for scenario in selected]


def _check_identities(scenarios: list[Any]) -> None:
    """Every scenario belongs to one criterion and has a name of its own there: that is what results are filed under."""
    places = defaultdict(list)
    for scenario in scenarios:
        identity = identify(scenario)
        if not identity["criterion"]:
            raise BadInput(f"{identity['location']}: {scenario.name!r} belongs to no criterion: give its Rule a tag like @R1.2")
        places[identity["system"], identity["id"]].append(identity["location"])
    for (_, name), where in places.items():
        if len(where) > 1:
            raise BadInput(f"{where[1]}: {name!r} is there already: {where[0]} (in an outline, put a placeholder into the name)")


def _check_criteria(scenarios: list[Any], config: Any, require: tuple[str, ...]) -> None:
    """A criterion that no feature knows is a slip of the pen, not an empty selection."""
    known = {str(tag) for scenario in scenarios for tag in scenario.effective_tags if CRITERION.fullmatch(tag)}
    asked = re.findall(r"[\w.]+", config.tag_expression.to_string() if config.tags else "")
    for name in asked:
        if CRITERION.fullmatch(name) and name not in known:
            raise BadInput(f"--tags=@{name}: no such criterion{did_you_mean(name, sorted(known))}")
    for name in require:
        if name not in known and not any(criterion.startswith(f"{name}.") for criterion in known):
            raise BadInput(f"-D require={name}: no such criterion{did_you_mean(name, sorted(known))}")


def _near(scenarios: list[Any], config: Any) -> str:
    known = sorted({str(tag) for scenario in scenarios for tag in scenario.effective_tags})
    for name in re.findall(r"[\w.-]+", config.tag_expression.to_string() if config.tags else ""):
        if name not in known and name not in ("and", "or", "not"):
            return f"; @{name}: no such tag{did_you_mean(name, known)}"
    return ""


def _needs(scenario: Any, seen: dict[tuple[str, str], Needs]) -> Needs:
    total = Needs()
    for step in scenario.all_steps:
        key = (step.step_type, step.name)
        if key not in seen:
            seen[key] = _needs_of_step(step)
        total |= seen[key]
    return total


def _needs_of_step(step: Any) -> Needs:
    definitions = [*step_registry.steps[step.step_type], *step_registry.steps["step"]]
    matches = [(definition, match) for definition in definitions if (match := definition.match(step.name))]
    place = f'{step.location}: "{step.keyword} {step.name}"'
    if not matches:
        raise BadInput(f"{place}: no step is defined for this sentence")
    if len(matches) > 1:
        raise BadInput(f"{place}: more than one step matches: {', '.join(str(definition.location) for definition, _ in matches)}")
    match = matches[0][1]
    if isinstance(match, MatchWithError):
        raise BadInput(f"{place}: {match.stored_error}")
    return needs_of(match.func, {argument.name: argument.value for argument in match.arguments})
