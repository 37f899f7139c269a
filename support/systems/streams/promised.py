"""Holding a streams system to its promises, at the end of every scenario."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from support.evidence.check import Check
from support.evidence.verdict import Verdict
from support.outcomes import CouldNotJudge, Outcome
from support.systems.streams.checks import Settled
from support.systems.streams.checks.log import FROM_THE_LOG, SecondRebalanceMovesNothing
from support.systems.streams.checks.promises import ALWAYS, SETTLED

if TYPE_CHECKING:
    from support.systems.streams.driver import Streams


def judge_promises(streams: Streams, within: float) -> list[Verdict]:
    """Every promise, on the whole history: the always ones, then - once it settled - those of a fleet at rest."""
    if not streams.serving:
        raise CouldNotJudge("the system never served: there is nothing to hold it to")
    scene = streams.scene
    checks = _always(streams)
    broken = any(check.judge(scene.history()).outcome is Outcome.VIOLATED for check in checks)
    if not broken:  # else there is nothing to wait for
        settled = _settle(streams, within)
        checks += [promise() for promise in SETTLED]
        if settled.met and streams.site.has("rebalance"):
            checks.append(_rebalance_twice(streams))
            _settle(streams, within)  # where it moved something, its new owner begins to read
    history = scene.history()
    return [scene.keep(check, check.judge(history, final=True)) for check in checks]


def judge_quietly(streams: Streams) -> None:
    """The always promises, as evidence, for a scenario that failed before its last step."""
    if streams.serving:
        history = streams.scene.history()
        for check in _always(streams):
            streams.scene.keep(check, check.judge(history, final=True))


def _always(streams: Streams) -> list[Check]:
    return [promise() for promise in (*ALWAYS, *(FROM_THE_LOG if streams.site.has("views") else ()))]


def _settle(streams: Streams, within: float) -> Verdict:
    since = time.monotonic_ns()
    streams.look()
    return streams.scene.observe(Settled(since, within))


def _rebalance_twice(streams: Streams) -> SecondRebalanceMovesNothing:
    streams.orchestrator.rebalance()
    streams.look()
    since = time.monotonic_ns()
    answer = streams.orchestrator.rebalance()
    streams.look()
    return SecondRebalanceMovesNothing(since, [answer])
