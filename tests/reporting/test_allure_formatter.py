"""The traps of allure-behave, each with real behave on a small project: what Allure is told must be what happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from behave.configuration import Configuration
from behave.formatter.base import StreamOpener
from behave.parser import parse_feature

from support.reporting.allure import AllureFormatter

FEATURE = """
Feature: Traps

  Scenario: Outside of any rule
    Given it works

  @R1.2 @failover
  Rule: Taken over within 60 seconds

    Background:
      Given it works

    @smoke
    Scenario: A table under a rule
      Given this table
        | stream | owner |
        | s01    | A     |

    Scenario: The same name
      Given it works

    Scenario Outline: A row of <n>
      Given it works
      Examples:
        | n |
        | 1 |
        | 2 |

    @skip_in_hook
    Scenario: Skipped with a reason
      Given it works
        | a | table |

    @fail_before
    Scenario: The hook before fails
      Given it works

    @fail_after
    Scenario: The hook after fails
      Given it works

    @fail_after_step
    Scenario: A step's hook fails
      Given it works

    @fail_cleanup
    Scenario: A clean-up fails
      Given it works

    Scenario: An assertion fails
      Given it fails
      Then it works

    Scenario: A step crashes
      Given it crashes

    Scenario: A step is undefined
      Given nobody knows this

    @unselected
    Scenario: Not selected by tag
      Given this table
        | stream |
        | s01    |

  @R1.3 @critical
  Rule: Another

    Scenario: The same name
      Given it works

    @result_violated
    Scenario: Result violated
      Given it fails

    @result_could_not_judge
    Scenario: Result could not judge
      Given it crashes

    @result_broken
    Scenario: Result broken
      Given it crashes

    @result_met
    Scenario: Result met
      Given it works

    @result_met @fail_after
    Scenario: Result met, but the hook after fails
      Given it works
"""

OTHER = """
Feature: Own hooks

  @rule_fails
  Rule: Its hook fails
    Scenario: Never reached
      Given it works

  Rule: Its last hook fails
    Scenario: Reached
      Given it works
"""

ENVIRONMENT = """
import allure
from support.evidence.result import ScenarioResult
from support.outcomes import Outcome

def before_scenario(context, scenario):
    allure.attach("before", name="from before_scenario")
    if "fail_before" in scenario.tags:
        assert False, "before is out of order"
    if "skip_in_hook" in scenario.tags:
        scenario.skip("the testbed cannot freeze")
    if "fail_cleanup" in scenario.tags:
        def gone():
            raise RuntimeError("nothing to clean")
        context.add_cleanup(gone)

def after_step(context, step):
    if "fail_after_step" in context.tags:
        assert False, "after_step is out of order"

def before_rule(context, rule):
    if "rule_fails" in rule.tags:
        raise RuntimeError("the rule's hook is out of order")

def after_rule(context, rule):
    if rule.name == "Its last hook fails":
        raise RuntimeError("the rule's last hook is out of order")

def after_scenario(context, scenario):
    allure.attach("after", name="from after_scenario")
    for tag in scenario.tags:
        if tag.startswith("result_"):
            outcome = Outcome(tag[7:].replace("_", " "))
            scenario.holdfast_result = ScenarioResult(
                id=f"R1.3/{scenario.name}", system="", requirement="Traps", criterion="R1.3", rule="Another", scenario=scenario.name,
                location=f"{scenario.filename}:{scenario.line}", outcome=outcome, reason="" if outcome is Outcome.MET else "7 of 10")
    if "fail_after" in scenario.tags:
        raise RuntimeError("after is out of order")
"""

STEPS = """
from behave import step

@step("it works")
def works(context): pass

@step("this table")
def table(context): assert context.table

@step("it fails")
def fails(context): assert False, "7 of 10"

@step("it crashes")
def crashes(context): raise RuntimeError("socket closed")
"""


class Run:
    """What one run of behave left in allure-results."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "out" / "allure-results"
        self.results: list[dict[str, Any]] = [json.loads(p.read_text()) for p in self.folder.glob("*-result.json")]

    @property
    def names(self) -> set[str]:
        return {result["name"] for result in self.results}

    def __getitem__(self, name: str) -> dict[str, Any]:
        [result] = [r for r in self.results if r["name"] == name]
        return result

    def message(self, name: str) -> str:
        return str(self[name]["statusDetails"]["message"])

    def labels(self, name: str, kind: str) -> list[str]:
        return [label["value"] for label in self[name]["labels"] if label["name"] == kind]


def behave(folder: Path, *arguments: str) -> Run:
    features = folder / "features"
    (features / "steps").mkdir(parents=True)
    (features / "traps.feature").write_text(FEATURE)
    (features / "own_hooks.feature").write_text(OTHER)
    (features / "environment.py").write_text(ENVIRONMENT)
    (features / "steps" / "steps.py").write_text(STEPS)
    (folder / "out").mkdir()
    (folder / "out" / "run.json").write_text(json.dumps({"run_id": "1", "testbed": "processes", "systems": {"": "reference"}}))
    formatter = ["-f", "support.reporting.allure:AllureFormatter", "-o", str(folder / "out" / "allure-results")]
    command = [sys.executable, "-m", "behave", "--no-color", *formatter, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": ""}, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return Run(folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return behave(tmp_path_factory.mktemp("traps"), "--tags", "not @unselected")


def test_scenarios_under_a_rule_appear(run: Run) -> None:
    assert {"Outside of any rule", "A table under a rule", "A row of 1 -- @1.1 ", "A row of 2 -- @1.2 "} <= run.names


def test_a_table_in_a_step_is_attached(run: Run) -> None:
    step = run["A table under a rule"]["steps"][1]
    attached = run.folder / step["attachments"][0]["source"]
    assert attached.read_text().splitlines() == ["stream,owner", "s01,A"]


def test_nobody_but_the_selected_appears(run: Run) -> None:
    assert "Not selected by tag" not in run.names


@pytest.mark.parametrize("option", [("-n", "Outside of any rule"), ("features/traps.feature:4",)])
def test_selection_by_name_or_line_leaves_the_others_out(tmp_path: Path, option: tuple[str, ...]) -> None:
    assert behave(tmp_path, *option).names == {"Outside of any rule"}


def test_a_skipped_scenario_keeps_its_reason(run: Run) -> None:
    assert run["Skipped with a reason"]["status"] == "skipped"
    assert run.message("Skipped with a reason") == "not applicable: the testbed cannot freeze"


@pytest.mark.parametrize(("name", "reason"), [
    ("The hook before fails", "before is out of order"),
    ("The hook after fails", "after is out of order"),
    ("A step's hook fails", "after_step is out of order"),
    ("A clean-up fails", "a clean-up failed"),
    ("Never reached", "the rule's hook is out of order"),
    ("A step crashes", "socket closed"),
    ("A step is undefined", "nobody knows this"),
])
def test_what_fails_of_the_suite_is_broken(run: Run, name: str, reason: str) -> None:
    assert run[name]["status"] == "broken"
    assert run.message(name).startswith("broken: ")
    assert reason in run.message(name)


def test_a_hook_that_fails_after_all_scenarios_is_an_error_of_the_run(run: Run) -> None:
    [errors] = [json.loads(p.read_text())["errors"] for p in run.folder.glob("*-globals.json")]
    assert "the rule's last hook is out of order" in errors[0]["message"]


def test_a_step_whose_hook_fails_is_not_shown_as_failed(run: Run) -> None:
    assert run["A step's hook fails"]["steps"][0]["status"] == "broken"


def test_a_failing_assertion_is_failed_and_the_steps_after_it_skipped(run: Run) -> None:
    failed = run["An assertion fails"]
    assert failed["status"] == "failed"
    assert [step["status"] for step in failed["steps"]] == ["passed", "failed", "skipped"]


@pytest.mark.parametrize(("name", "status", "message"), [
    ("Result violated", "failed", "violated: 7 of 10"),
    ("Result could not judge", "broken", "could not judge: 7 of 10"),
    ("Result broken", "broken", "broken: 7 of 10"),
])
def test_the_result_decides(run: Run, name: str, status: str, message: str) -> None:
    assert (run[name]["status"], run.message(name)) == (status, message)


def test_a_met_result_passes(run: Run) -> None:
    assert run["Result met"]["status"] == "passed"


def test_a_hook_that_fails_after_the_result_was_made_breaks_it(run: Run) -> None:
    assert run["Result met, but the hook after fails"]["status"] == "broken"


def test_the_same_name_elsewhere_is_another_scenario(run: Run) -> None:
    same = [r for r in run.results if r["name"] == "The same name"]
    assert len({r["historyId"] for r in same}) == len({r["testCaseId"] for r in same}) == 2
    assert len({r["historyId"] for r in run.results}) == len(run.results)


def test_the_place_belongs_to_the_identity(run: Run) -> None:
    parameters = {p["name"]: p["value"] for p in run["A row of 1 -- @1.1 "]["parameters"]}
    assert parameters == {"n": "1", "testbed": "processes", "system": "reference"}


def test_labels(run: Run) -> None:
    name = "A table under a rule"
    assert run.labels(name, "feature") == ["Traps"]
    assert run.labels(name, "story") == ["R1.2 Taken over within 60 seconds"]
    assert set(run.labels(name, "tag")) == {"smoke", "R1.2", "failover"}
    assert run.labels(name, "severity") == ["critical"]
    assert run.labels("Result met", "severity") == ["critical"], "from the rule's tag"
    assert run.labels("Outside of any rule", "severity") == ["normal"]


def test_attachments_of_hooks_belong_to_their_scenario(run: Run) -> None:
    assert [a["name"] for a in run["Result met"]["attachments"]] == ["from before_scenario", "from after_scenario"]


def test_a_dry_run_reports_nothing_but_what_is_wrong_already(tmp_path: Path) -> None:
    assert behave(tmp_path, "--dry-run").names == {"A step is undefined"}


def test_a_feature_that_is_begun_twice_is_reported_once(tmp_path: Path) -> None:
    formatter = AllureFormatter(StreamOpener(str(tmp_path / "allure-results")), Configuration([]))
    try:
        feature = parse_feature(FEATURE, filename="features/traps.feature")
        formatter.uri("features/traps.feature")
        formatter.feature(feature)
        once = [scenario.run for scenario in feature.walk_scenarios()]
        formatter.rule(feature.rules[0])
        formatter.eof()
        formatter.uri("features/traps.feature")
        formatter.feature(feature)
        formatter.eof()
        assert [scenario.run for scenario in feature.walk_scenarios()] == once
    finally:
        formatter.close()
