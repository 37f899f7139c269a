"""Holding a streams system to its promises, at the end of every scenario."""

from __future__ import annotations

import time

from support.evidence.check import Check
from support.evidence.verdict import Verdict
from support.outcomes import Outcome
from support.scene.scene import Scene
from support.systems.streams.checks import Settled
from support.systems.streams.checks.log import FROM_THE_LOG, SecondRebalanceMovesNothing
from support.systems.streams.checks.promises import ALWAYS, SETTLED, LogEndsWithOwners
from support.systems.streams.checks.readers import OF_READERS
from support.systems.streams.site import Site

AT_REST = 10.0  # s; two periodic checks of the contract


def judge_promises(scene: Scene, site: Site, within: float) -> list[Verdict]:
    """Every promise, on the whole history: the always ones, then - once it settled - those of a fleet at rest."""
    checks = _always(site)
    broken = any(check.judge(scene.history()).outcome is Outcome.VIOLATED for check in checks)
    if not broken:  # else there is nothing to wait for
        settled = _settle(scene, site, within)
        checks += [promise() for promise in (*SETTLED, *([LogEndsWithOwners] if site.has("views") else []))]
        if settled.met and site.has("clock"):  # nothing may move at rest: let its periodic checks come round
            site.call("clock.advance", seconds=AT_REST, step=AT_REST / 2)
        if settled.met and site.has("rebalance"):
            checks.append(_rebalance_twice(site))
            _settle(scene, site, within)  # where it moved something, its new owner begins to read
    history = scene.history()
    return [scene.keep(check, check.judge(history, final=True)) for check in checks]


def judge_quietly(scene: Scene, site: Site) -> None:
    """The always promises, as evidence, for a scenario that failed before its last step."""
    history = scene.history()
    for check in _always(site):
        scene.keep(check, check.judge(history, final=True))


def _always(site: Site) -> list[Check]:
    return [promise() for promise in (*ALWAYS, *OF_READERS, *(FROM_THE_LOG if site.has("views") else ()))]


def _settle(scene: Scene, site: Site, within: float) -> Verdict:
    since = time.monotonic_ns()
    site.look()
    return scene.observe(Settled(since, within, logged=site.has("views")))


def _rebalance_twice(site: Site) -> SecondRebalanceMovesNothing:
    site.orchestrator.rebalance()
    site.look()
    since = time.monotonic_ns()
    answer = site.orchestrator.rebalance()
    site.look()
    return SecondRebalanceMovesNothing(since, [answer])
