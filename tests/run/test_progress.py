"""The lines of a run: at a terminal and elsewhere."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

from support.evidence.result import Judgement, ScenarioResult
from support.evidence.verdict import Verdict
from support.outcomes import Outcome
from support.run.needs import Needs
from support.run.plan import Entry, Plan
from support.run.progress import Progress, plan_lines
from support.run.summary import last_lines


def entry(number: int, name: str, reason: str = "") -> Entry:
    identity = {"id": f"R1.2/{name}", "system": "streams", "requirement": "R1", "criterion": "R1.2", "rule": "", "scenario": name, "location": "x:1"}
    feature = SimpleNamespace(tags=[], parent=None)
    scenario: Any = SimpleNamespace(effective_tags=set(), tags=[], parent=feature, feature=feature)
    return Entry(number, scenario, identity, Needs(), 7, reason)


PLAN = Plan((entry(0, "A worker is killed"), entry(1, "It leaves"), entry(2, "It flies", 'this testbed cannot "fly"')))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def met(name: str) -> ScenarioResult:
    verdict = Verdict(Outcome.MET, "taken over", "10 of 10", value=6.42, limit=60, unit="s", error=0.03)
    return ScenarioResult(f"R1.2/{name}", "streams", "R1", "R1.2", "", name, "", Outcome.MET, judgements=(Judgement("step", {}, verdict),))


def test_plan_lines() -> None:
    assert plan_lines(PLAN, 2, every=False) == [
        "plan     3 scenarios · clusters: none · about 10 s · 1 not applicable",
        '         R1.2   It flies            not applicable: this testbed cannot "fly"',
    ]
    assert plan_lines(PLAN, 2, every=True)[1] == "         R1.2   A worker is killed  about 7 s"


def test_a_line_for_what_ended() -> None:
    shown = io.StringIO()
    progress = Progress(PLAN, shown)
    progress.ended(PLAN.entries[2].result(Outcome.NOT_APPLICABLE, "no"))
    progress.ended(met("It leaves"))
    progress.ended(PLAN.entries[0].result(Outcome.COULD_NOT_JUDGE, "the fault did not bite"))
    assert shown.getvalue().splitlines() == [
        "  2/3    R1.2   It leaves           met              6.42 s ± 0.03 s of 60 s",
        "  3/3    R1.2   A worker is killed  could not judge",
        "           the fault did not bite",
    ]


def test_waiting_elsewhere_is_a_line_now_and_then() -> None:
    shown = io.StringIO()
    progress = Progress(PLAN, shown)
    for elapsed in (1.0, 9.0, 12.0, 13.0):
        progress.waiting("R1.2/It leaves", elapsed, 60, "s", "37 of 40 streams read")
    assert shown.getvalue() == "  1/3    R1.2   It leaves           waiting          12 s of 60 s: 37 of 40 streams read\n"


def test_waiting_at_a_terminal_is_rewritten_in_place() -> None:
    shown = Terminal()
    progress = Progress(PLAN, shown)
    progress.waiting("R1.2/It leaves", 1.0, None, "", "nothing yet")
    progress.waiting("R1.2/It leaves", 2.0, 60, "s", "half")
    progress.say("done")
    lines = shown.getvalue().split("\r\x1b[K")
    assert lines[1].endswith("waiting          1 s: nothing yet") and lines[2].endswith("2 s of 60 s: half")
    assert lines[3] == "done\n" and shown.getvalue().count("\n") == 1


def test_last_lines() -> None:
    violated = PLAN.entries[0].result(Outcome.VIOLATED, "late")
    times = {"services": 1.94, "waiting": 34.2, "suite": 5.0, "teardown": 0.5}
    assert last_lines(PLAN, [met("It leaves"), violated], ["after_all crashed"], times, {}, ()) == [
        "broken   after_all crashed",
        "R1.2 violated: met 1 of 2, 1 violated",
        "1 of 3 scenarios were not run",
        "time     services 1.9 s · waiting for the system 34 s · suite 5.0 s · tear-down 0.5 s",
    ]
