import os
import signal
import time
from pathlib import Path

from behave import given, then, when

from support.deadline import until
from support.outcomes import CouldNotJudge
from support.run.needs import needs


@given("a toy")
def step_toy(context):
    assert context._runner.session.seed >= 0


@when("it is {what}")
@needs(given=lambda what: ["freeze"] if what == "frozen" else [])
def step_done(context, what):
    context.what = what


@when("somebody flies to the moon")
@needs("moon")
def step_moon(context):
    raise AssertionError("never reached")


@when("it waits {seconds:g} seconds")
@needs(seconds=30)
def step_waits(context, seconds):
    begun = time.monotonic()
    while (elapsed := time.monotonic() - begun) < seconds:
        context._runner.session.tell("waiting", id=f"T1.1/{context.scenario.name}", elapsed=elapsed, limit=seconds, unit="s", seen="tick")
        time.sleep(0.05)


@when("both are there")
def step_both(context):
    _note("met.txt", context)
    assert until(lambda: len(Path("met.txt").read_text().splitlines()) == 2, within=20), "nothing runs beside this"


@when("its process is killed")
def step_killed(context):
    os.kill(os.getpid(), signal.SIGKILL)


@then("it works")
def step_works(context):
    _note("worked.txt", context)


@then("it works better than it does")
def step_violated(context):
    raise AssertionError("7 of 10")


@then("nobody can tell")
def step_unknown(context):
    raise CouldNotJudge("the fault did not bite")


@then("every promise held throughout")
def step_promises(context):
    _note("promises.txt", context)


def _note(name, context):
    """Append the scenario's name and when it was here; shared by all children."""
    with Path(name).open("a") as file:
        file.write(f"{context.scenario.name}\t{os.getpid()}\t{time.monotonic()}\n")


@given("something that needs {what}")
@needs(given=lambda what: [what])
def step_needs(context, what):
    """Nothing: it is about the plan."""


@given("something that cuts the orchestrator off")
@needs("link:orchestrator")
def step_freezes(context):
    """Nothing: it is about the plan."""
