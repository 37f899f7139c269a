"""What behave's hooks do: open a scene before each scenario, and make its result after it."""

from __future__ import annotations

import importlib
import json
import random
import re
import time
from functools import cache
from pathlib import Path
from typing import Any

from support.evidence.result import ScenarioResult
from support.evidence.wording import sentence
from support.outcomes import BadInput, CouldNotJudge, Outcome, worst
from support.reporting.evidence import attach
from support.reporting.identity import identify, tags_of
from support.run.load import PROMISES
from support.scene.scene import Scene
from support.scene.session import Session

PROVEN = Path("tests/falsification/proven.json")  # scenario id -> the defects that it is proven to catch


def before_scenario(context: Any, scenario: Any) -> None:
    """Open the scene and the driver of the system that the feature's folder names, as ``context.<system>``."""
    session: Session = context._runner.session
    identity = identify(scenario)
    scene = Scene(
        id=identity["id"],
        session=session,
        directory=session.directory / "scenarios" / slug(identity["id"]),
        random=random.Random(f"{session.seed}/{identity['id']}"),
    )
    context.scene = scene
    scenario.holdfast_began = time.monotonic()
    driver = importlib.import_module(f"support.systems.{identity['system']}.driver")
    setattr(context, identity["system"], driver.open_system(scene))
    context.system = getattr(context, identity["system"])


def before_step(context: Any, step: Any) -> None:
    context.scene.step = step.name
    context.scene.segment.record("step", name=step.name)


def after_scenario(context: Any, scenario: Any) -> None:
    """Close the scene, make the result, attach the evidence."""
    scene: Scene | None = getattr(context, "scene", None)
    if scene is None:  # before_scenario failed: the runner calls that broken
        return
    logs, troubles = _last_look(context, scenario)
    troubles += scene.close()
    result = _result(scenario, scene, troubles)
    if result.outcome is not Outcome.MET:
        _write_logs(scene, logs)
    scenario.holdfast_result = result
    (scene.directory / "result.json").write_text(json.dumps(result.to_dict(), indent=1), encoding="utf-8")
    attach(result, scene.session.directory)


def _last_look(context: Any, scenario: Any) -> tuple[dict[str, str], list[Exception]]:
    """What the nodes logged, and what went wrong in asking: whatever it was, the scene must still be closed."""
    system = getattr(context, "system", None)  # None: its driver could not be opened
    logs: dict[str, str] = {}
    try:
        if system is not None:
            if _failed_early(scenario):
                system.judge_quietly()
            logs = system.logs()
    except Exception as error:  # noqa: BLE001
        return logs, [error]
    return logs, []


def _failed_early(scenario: Any) -> bool:
    """Whether it failed before its last step, which would have judged the promises."""
    return any(step.status.has_failed() and step.name != PROMISES for step in scenario.all_steps)


def slug(identifier: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", identifier).strip("-")[:120]


@cache
def proven(path: Path = PROVEN) -> dict[str, list[str]]:
    """What the falsification matrix has proven, or nothing where it has not been run."""
    loaded: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return loaded


def _result(scenario: Any, scene: Scene, troubles: list[Exception]) -> ScenarioResult:
    outcome, reason = _outcome(scenario, scene, troubles)
    duration = time.monotonic() - scenario.holdfast_began
    times = {**scene.times, "suite": max(0.0, duration - sum(scene.times.values()))}
    identity: dict[str, Any] = identify(scenario)
    return ScenarioResult(
        **identity,
        outcome=outcome,
        reason=reason,
        tags=tuple(tags_of(scenario)),
        judgements=tuple(scene.judgements),
        duration=duration,
        times={name: round(seconds, 3) for name, seconds in times.items()},
        killed=tuple(proven().get(identity["id"], ())),
        directory=str(scene.directory.relative_to(scene.session.directory)),
    )


def _outcome(scenario: Any, scene: Scene, troubles: list[Exception]) -> tuple[Outcome, str]:
    """The outcome comes from recorded verdicts and from what was raised, never from behave's own colours."""
    found: list[tuple[Outcome, str]] = [(j.verdict.outcome or Outcome.BROKEN, sentence(j.verdict)) for j in scene.judgements]
    for step in scenario.all_steps:
        error = step.exception
        if isinstance(error, (CouldNotJudge, BadInput)):
            found.append((Outcome.COULD_NOT_JUDGE, str(error)))
        elif isinstance(error, AssertionError):
            if not any(o in (Outcome.VIOLATED, Outcome.COULD_NOT_JUDGE) for o, _ in found):
                found.append((Outcome.BROKEN, f"a step failed without a verdict: {error}"))
        elif error is not None:
            found.append((Outcome.BROKEN, f"{type(error).__name__}: {error}"))
        elif step.status.has_failed():
            found.append((Outcome.BROKEN, f"step {step.status.name}: {step.name}"))
    if scenario.hook_failed:
        found.append((Outcome.BROKEN, scenario.error_message or "a hook failed"))
    found += [(Outcome.BROKEN, f"clean-up failed: {type(t).__name__}: {t}") for t in troubles]
    if not scene.judgements and not found:
        found.append((Outcome.COULD_NOT_JUDGE, "no verdict was recorded"))
    outcome = worst([o for o, _ in found])
    reasons = [reason for o, reason in found if o is outcome]
    return outcome, "" if outcome is Outcome.MET else "; ".join(reasons[:3])


def _write_logs(scene: Scene, logs: dict[str, str]) -> None:
    folder = scene.directory / "logs"
    folder.mkdir(exist_ok=True)
    for name, text in logs.items():
        (folder / f"{slug(name)}.log").write_text(text, encoding="utf-8")
