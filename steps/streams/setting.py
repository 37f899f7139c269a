"""Given: the catalogue, the fleet, and what is already under way."""

from behave import given

from support.run.needs import needs

CLUSTERS = ["postgres"]


@given("a catalogue of {streams:Count} streams")
@needs()
def step_catalogue(context, streams):
    context.streams.grow_to(streams)


@given("{role:Role} with room for {room:Count} streams share them")
@given("{role:Role} with room for {room:Count} streams each share them")
@given("{role:Role} with room for {room:Count} streams reads them")
@given("{role:Role} with room for {room:Count} streams has joined meanwhile")
@needs("start:orchestrator", "start:worker", "link", clusters=CLUSTERS)
def step_share(context, role, room):
    context.streams.share(dict.fromkeys(context.streams.role(role).names, room))


@given("simulated {role:Role} with room for {room:Count} streams each share them")
@given("simulated {role:Role} with room for {room:Count} streams reads them")
@needs("start:orchestrator", clusters=CLUSTERS)
def step_share_simulated(context, role, room):
    context.streams.share(dict.fromkeys(context.streams.role(role).names, room), simulated=True)


@given("these workers share them")
@needs("start:orchestrator", "start:worker", "link", clusters=CLUSTERS)
def step_these_share(context):
    context.streams.share({row["worker"]: int(row["room"]) for row in context.table})


@given("nobody reads them")
@needs("start:orchestrator", clusters=CLUSTERS)
def step_nobody(context):
    context.streams.share({})


@given("a rebalance is under way because {role:Role} with room for {room:Count} streams joined")
@needs("start:orchestrator", "start:worker", "link", clusters=CLUSTERS, seconds=1)
def step_rebalance_under_way(context, role, room):
    context.streams.join_and_hold(dict.fromkeys(context.streams.role(role).names, room))


@given("{role:Role} was killed and its streams are queued")
@needs("kill:worker", seconds=5)
def step_was_killed(context, role):
    context.streams.lose(context.streams.role(role))


@given("{role:Role} was cut off and its streams were taken over")
@needs("link:worker", seconds=5)
def step_was_cut_off(context, role):
    context.streams.lose_contact(context.streams.role(role))


@given("the orchestrator was killed and started again")
@needs("kill:orchestrator", "restart", seconds=0.5)
def step_was_restarted(context):
    context.streams.crash_and_restart()
    context.streams.settle()


@given("simulated workers and streams that come and go")
@needs("start:orchestrator", "refresh", clusters=CLUSTERS)
def step_simulated_sequence(context):
    context.streams.prepare_changes(simulated=True)


@given("workers and streams that come and go")
@needs("start:orchestrator", "start:worker", "link", "refresh", clusters=CLUSTERS)
def step_sequence(context):
    context.streams.prepare_changes(simulated=False)
