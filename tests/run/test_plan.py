"""The plan, from plain values: what is not applicable and why, shards, estimates, durations."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from support.evidence.result import ScenarioResult
from support.outcomes import Outcome
from support.run.needs import Needs, needs, needs_of
from support.run.plan import Entry, Plan, load_durations, make_plan, part_of, save_durations
from support.settings import Shard
from support.target import Target

EVERYTHING = frozenset({"start", "kill", "stop", "restart", "freeze", "signal", "run", "link"})
COMMAND: dict[str, Any] = {"command": ["true"]}
URL: dict[str, Any] = {"url": "http://127.0.0.1:1"}
LISTEN: dict[str, Any] = {"suite_listen": "127.0.0.1:7001"}


def scenario(line: int, system: str = "streams") -> Any:
    feature = SimpleNamespace(name="Feature", tags=[], parent=None)
    return SimpleNamespace(name=f"Scenario {line}", tags=["R1.1"], effective_tags={"R1.1"}, parent=feature, feature=feature,
                           filename=f"features/{system}/x.feature", line=line)


def target(orchestrator: dict[str, Any] = COMMAND, **system: Any) -> Target:
    return Target(name="mine", streams={"orchestrator": orchestrator, **system})  # type: ignore[arg-type]


def reason(needed: set[str], judged: Target, testbed: frozenset[str] = EVERYTHING, system: str = "streams") -> str:
    [entry] = make_plan([(scenario(1, system), Needs(frozenset(needed)))], judged, testbed, {}).entries
    return entry.reason


def test_what_everybody_has_is_applicable() -> None:
    assert reason({"kill", "views", "restart", "freeze:orchestrator"}, target()) == ""


@pytest.mark.parametrize(("needed", "judged", "testbed", "expected"), [
    ({"views"}, target(lacks=["views"]), EVERYTHING, 'the target (mine) lacks "views"'),
    ({"restart"}, target(lacks=["restart"]), EVERYTHING, 'the target (mine) lacks "restart"'),
    ({"freeze"}, target(), frozenset({"kill"}), 'this testbed cannot "freeze"'),
    ({"freeze:orchestrator"}, target(), frozenset({"kill"}), 'this testbed cannot "freeze"'),
    ({"kill"}, target(URL), EVERYTHING,
     "the orchestrator runs already, and the target (mine) does not say suite_listen: where it finds the suite's side"),
    ({"restart"}, target(URL, **LISTEN), EVERYTHING, 'the orchestrator runs already: the suite cannot "restart" it'),
    ({"freeze:orchestrator"}, target(URL, **LISTEN), EVERYTHING, 'the orchestrator runs already: the suite cannot "freeze" it'),
    ({"link:orchestrator"}, target(URL, **LISTEN), EVERYTHING, 'the orchestrator runs already, and the target (mine) does not allow "link" on it'),
    ({"link:orchestrator"}, target(URL, allow=["link"], **LISTEN), EVERYTHING, ""),
    ({"views"}, target(URL, **LISTEN), EVERYTHING, 'the orchestrator runs already, and the target (mine) gives no database to see "views" in'),
    ({"views"}, target(URL, database="postgresql://h/d", **LISTEN), EVERYTHING, ""),
    ({"link"}, target({"url": "https://h"}, **LISTEN), EVERYTHING, "the orchestrator is reached by https: its certificate does not hold on a link"),
    ({"start:orchestrator", "kill:worker"}, target(URL, worker=COMMAND, **LISTEN), EVERYTHING, ""),  # of a worker, which the suite starts
    ({"start:worker"}, target(URL, worker=COMMAND, **LISTEN), frozenset({"link"}), 'this testbed cannot "start"'),
    ({"start:worker"}, target(URL, worker=URL, **LISTEN), EVERYTHING, 'the worker runs already: the suite cannot "start" it'),
    ({"kill"}, Target(name="mine"), EVERYTHING, "the target (mine) has no streams system"),
])
def test_obstacles(needed: set[str], judged: Target, testbed: frozenset[str], expected: str) -> None:
    assert reason(needed, judged, testbed) == expected


def test_a_system_without_a_contract_needs_no_target() -> None:
    assert reason({"kill"}, Target(name="mine"), system="postgres") == ""
    assert reason({"moon"}, Target(name="mine"), system="postgres") == 'this testbed cannot "moon"'


def test_needs_are_declared_and_depend_on_arguments() -> None:
    @needs("kill", clusters=["postgres"], seconds=5, given=lambda fault: [fault] if fault != "killed" else [])
    def step(context: object, fault: str) -> None: ...

    assert needs_of(step, {"fault": "freeze"}) == Needs(frozenset({"kill", "freeze"}), frozenset({"postgres"}), 5)
    assert needs_of(step, {"fault": "killed"}).capabilities == {"kill"}
    assert needs_of(lambda context: None, {}) == Needs()


def test_shards_are_a_partition_of_about_equal_length() -> None:
    needed = [(scenario(line), Needs(seconds=float(line % 7))) for line in range(1, 21)]
    parts = [part_of(needed, Shard(number, 3)) for number in (1, 2, 3)]
    assert sorted(s.line for part in parts for s, _ in part) == list(range(1, 21))
    lengths = [sum(n.seconds for _, n in part) for part in parts]
    assert max(lengths) - min(lengths) <= 6  # no more than the longest of them
    assert all(part == sorted(part, key=lambda p: p[0].line) for part in parts)


def test_clusters_and_seconds_count_what_is_applicable() -> None:
    needed = [(scenario(1), Needs(clusters=frozenset({"postgres"}), seconds=9)), (scenario(2), Needs(frozenset({"views"}), frozenset({"redis"}), 99))]
    plan = make_plan(needed, target(lacks=["views"]), EVERYTHING, {})
    assert plan.clusters == ["postgres"]
    assert [entry.seconds for entry in plan.applicable] == [10.0]
    assert plan.seconds(jobs=2) == 13.0


def test_estimate_is_the_longest_first_side_by_side() -> None:
    def entry(number: int, seconds: float, *tags: str) -> Entry:
        return Entry(number, SimpleNamespace(effective_tags=set(tags)), {"system": "streams"}, Needs(), seconds)

    plan = Plan((entry(0, 4), entry(1, 6), entry(2, 2), entry(3, 5, "alone")))
    assert plan.seconds(jobs=1) == 3 + 12 + 5
    assert plan.seconds(jobs=2) == 3 + 6 + 5


def test_durations_of_what_was_judged_are_remembered(tmp_path: Path) -> None:
    def result(id: str, outcome: Outcome, duration: float) -> ScenarioResult:
        return ScenarioResult(id, "streams", "", "R1.1", "", id, "", outcome, duration=duration)

    save_durations(tmp_path, [result("a", Outcome.MET, 2.0), result("b", Outcome.BROKEN, 99.0)])
    save_durations(tmp_path, [result("c", Outcome.VIOLATED, 60.123)])
    assert load_durations(tmp_path) == {"a": 2.0, "c": 60.12}
    (tmp_path / "durations.json").write_text("half a fi")
    assert load_durations(tmp_path) == {}
    [entry] = make_plan([(scenario(1), Needs(seconds=50))], target(), EVERYTHING, {"R1.1/Scenario 1": 2.5}).entries
    assert entry.seconds == 2.5
