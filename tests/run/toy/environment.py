"""Hooks of the toy: a result for each scenario, and a process that stands for all that a scenario starts."""

import os
import subprocess
import sys
import time
from pathlib import Path

from support.evidence.result import Judgement, ScenarioResult
from support.evidence.verdict import Verdict
from support.outcomes import CouldNotJudge, Outcome
from support.reporting.identity import identify

CRASH = os.environ.get("TOY_CRASH", "")  # the hook that is to crash


def before_all(context):
    _crash("before_all")


def before_scenario(context, scenario):
    context.began = time.monotonic()
    context.node = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    context.add_cleanup(_end, context.node)
    with Path("started.txt").open("a") as file:
        file.write(f"{scenario.name}\t{os.getpid()}\t{time.monotonic()}\n")
    _crash("before_scenario")


def after_scenario(context, scenario):
    _crash("after_scenario")
    errors = [step.exception for step in scenario.all_steps if step.exception]
    outcome = Outcome.MET
    if errors:
        outcome = {AssertionError: Outcome.VIOLATED, CouldNotJudge: Outcome.COULD_NOT_JUDGE}.get(type(errors[0]), Outcome.BROKEN)
    verdict = Verdict(outcome, "the toy works", "it did" if not errors else str(errors[0]), value=0.5, limit=1.0, unit="s")
    scenario.holdfast_result = ScenarioResult(
        **identify(scenario), outcome=outcome, reason=str(errors[0]) if errors else "", judgements=(Judgement("toy", {"check": "Toy"}, verdict),),
        duration=time.monotonic() - context.began, times={"waiting": 0.1, "suite": 0.1},
    )


def after_all(context):
    _crash("after_all")


def _crash(hook):
    if hook == CRASH:
        raise RuntimeError(f"{hook} was told to crash")


def _end(process):
    process.kill()
    process.wait()
