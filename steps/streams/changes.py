"""When: what happens to the fleet and to the catalogue."""

from behave import when

from support.run.needs import needs

CLUSTERS = ["postgres"]


@when("{role:Role} with room for {room:Count} streams joins")
@needs("start:orchestrator", "start:worker", "link", clusters=CLUSTERS)
def step_join(context, role, room):
    context.streams.join(dict.fromkeys(context.streams.role(role).names, room))


@when("ten simulated workers with room for {room:Count} streams each register at once")
@needs("start:orchestrator", clusters=CLUSTERS)
def step_ten_register(context, room):
    context.streams.join({f"N{number}": room for number in range(10)}, simulated=True)


@when("{role:Role} registers {times:Count} times at once")
@needs()
def step_register_at_once(context, role, times):
    context.streams.register_again(context.streams.role(role), times=times)


@when("{role:Role} registers again with room for {room:Count} streams")
@needs()
def step_register_with_less(context, role, room):
    context.streams.register_again(context.streams.role(role), capacity=room)


@when("{streams:Count} streams of {role:Role} are removed from the catalogue")
@needs("refresh")
def step_remove(context, streams, role):
    context.streams.remove_of(context.streams.role(role), streams)


@when("{streams:Count} streams of {role:Role} are removed from the catalogue while it is cut off for {duration:Seconds}")
@needs("refresh", "link", seconds=lambda duration, **_: duration)
def step_remove_while_away(context, streams, role, duration):
    context.streams.remove_while_cut_off(context.streams.role(role), streams, duration)


@when("{streams:Count} streams are added to the catalogue")
@needs("refresh", seconds=0.5)
def step_add(context, streams):
    context.streams.add(streams)


@when("{streams:Count} streams are added to the catalogue and nobody tells the orchestrator")
@needs()
def step_add_quietly(context, streams):
    context.streams.add_quietly(streams)


@when("{role:Role} crashes and is started again")
@needs("kill:worker", "start:worker", seconds=0.5)
def step_bounce(context, role):
    context.streams.bounce(context.streams.role(role))


@when("{role:Role} is killed while the orchestrator is away for a moment")
@needs("kill:worker", "kill:orchestrator", "restart", seconds=5)
def step_die_meanwhile(context, role):
    context.streams.kill_while_orchestrator_is_away(context.streams.role(role))


@when("the orchestrator is killed and started again")
@needs("kill:orchestrator", "restart", seconds=0.5)
def step_restart(context):
    context.streams.crash_and_restart()


@when("{changes:Count} changes are made at random")
@needs("start:orchestrator", "refresh", clusters=CLUSTERS, seconds=3)
def step_random_changes(context, changes):
    context.streams.change_at_random(changes)
