"""Then: what must be so. Each sentence is one verdict."""

from behave import then

from support.evidence.wording import sentence
from support.run.needs import needs
from support.systems.streams.checks import Balanced, Hold, MovesExactly, Queued, ReadOnce, Reads, TakenOver, WithinShareAfterEach
from support.systems.streams.driver import CHECK_INTERVAL, SETTLES_WITHIN


@then("every stream of {role:Role} is read by another worker within {limit:Seconds}")
@needs()
def step_taken_over(context, role, limit):
    names = context.streams.role(role).names
    verdict = context.streams.judge(lambda since: TakenOver(since.streams_of(*names), since.t, limit))
    assert verdict.met, sentence(verdict)


@then("{role:Role} reads its share of {share:Count} streams within {limit:Seconds}")
@then("{role:Role} read {share:Count} streams within {limit:Seconds}")
@needs()
def step_reads(context, role, share, limit):
    names = context.streams.role(role).names
    verdict = context.streams.judge(lambda since: Reads(list(names), share, share, since.t, limit))
    assert verdict.met, sentence(verdict)


@then("{role:Role} reads its share of {low:Count} to {high:Count} streams within {limit:Seconds}")
@needs()
def step_reads_between(context, role, low, high, limit):
    names = context.streams.role(role).names
    verdict = context.streams.judge(lambda since: Reads(list(names), low, high, since.t, limit))
    assert verdict.met, sentence(verdict)


@then("{one:Role} reads {few:Count} and {other:Role} reads {many:Count} streams")
@needs()
def step_hold(context, one, few, other, many):
    counts = {context.streams.role(one).names[0]: few, context.streams.role(other).names[0]: many}
    verdict = context.streams.judge(lambda since: Hold(counts, since.t, SETTLES_WITHIN))
    assert verdict.met, sentence(verdict)


@then("the {streams:Count} others stay queued")
@needs()
def step_stay_queued(context, streams):
    verdict = context.streams.judge(lambda since: Queued(streams, since.t, SETTLES_WITHIN))
    assert verdict.met, sentence(verdict)


@then("all {streams:Count} streams are queued within {limit:Seconds}")
@needs()
def step_all_queued(context, streams, limit):
    verdict = context.streams.judge(lambda since: Queued(streams, since.t, limit))
    assert verdict.met, sentence(verdict)


@then("no stream changes its owner for {duration:Seconds}")
@needs(seconds=lambda duration: duration)
def step_nothing_moves(context, duration):
    verdict = context.streams.nothing_moves(duration)
    assert verdict.met, sentence(verdict)


@then("no stream changes its owner for {checks:Count} checks of the balance")
@needs(seconds=1)
def step_nothing_moves_for_checks(context, checks):
    verdict = context.streams.nothing_moves(checks * CHECK_INTERVAL, policy_time=True)
    assert verdict.met, sentence(verdict)


@then("the load gap is at most {points:Count} percentage points within {limit:Seconds}")
@needs()
def step_gap(context, points, limit):
    verdict = context.streams.judge(lambda since: Balanced(since.t, limit, gap=points))
    assert verdict.met, sentence(verdict)


@then("exactly {moves:Count} stream moves from {source:Role} to {target:Role} within {limit:Seconds}")
@needs("views")
def step_moves_exactly(context, moves, source, target, limit):
    (giver,), (taker,) = context.streams.role(source).names, context.streams.role(target).names
    verdict = context.streams.judge(lambda since: MovesExactly(moves, giver, taker, since.t, limit))
    assert verdict.met, sentence(verdict)


@then("every stream is read by exactly one worker within {limit:Seconds}")
@needs()
def step_read_once(context, limit):
    verdict = context.streams.judge(lambda since: ReadOnce(since.t, limit))
    assert verdict.met, sentence(verdict)


@then("every worker is within {tolerance:Count} streams of its fair share within {limit:Seconds} of each change")
@needs()
def step_within_share(context, tolerance, limit):
    verdict = context.streams.judge(lambda since: WithinShareAfterEach(tolerance, limit, since.t))
    assert verdict.met, context.streams.explain_changes(verdict)


@then("every promise held throughout")
@needs()
def step_promises(context):
    broken = [verdict for verdict in context.streams.judge_promises() if not verdict.met]
    assert not broken, "; ".join(sentence(verdict) for verdict in broken)
