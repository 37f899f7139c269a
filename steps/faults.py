"""What is done to a role, in every system."""

from behave import when

from support.run.needs import needs


def _capability(fault, role, **_):
    """``kill:worker`` for ``workers "B" and "C" are killed``: whether that may be done depends on whose the program is."""
    program = role.removeprefix("the ").split()[0].removesuffix("s")
    return [f"{fault.capability}:{program}"]


def _noticed(fault, **_):
    """A guess at how long a system takes to notice what befell it; whoever is stopped tells it."""
    return 0.0 if fault.capability == "stop" else 5.0


@when("{role:Role} is {fault:Fault}")
@when("{role:Role} are {fault:Fault}")
@needs(given=_capability, seconds=_noticed)
def step_inject(context, role, fault):
    context.system.inject(fault, context.system.role(role))


@when("{role:Role} comes back")
@needs("link")
def step_come_back(context, role):
    context.system.come_back(context.system.role(role))


@when("{role:Role} is {fault:Fault} for {duration:Seconds}")
@needs(given=_capability, seconds=lambda duration, **_: duration)
def step_inject_for(context, role, fault, duration):
    context.system.inject_for(fault, context.system.role(role), duration)
