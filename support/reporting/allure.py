"""behave's formatter for Allure, made truthful: rules, tables, hook failures, skip reasons, unselected scenarios, identities.

``behave -f support.reporting.allure:AllureFormatter -o DIR/allure-results``. Where ``DIR/run.json`` exists, testbed and
system are parameters of every scenario. Works in forked children, of which each sees only the scenarios that it runs.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import allure_commons
from allure_behave.formatter import AllureFormatter as Original
from allure_behave.listener import AllureListener
from allure_behave.utils import scenario_links, step_status_details
from allure_commons.logger import AllureFileLogger
from allure_commons.model2 import Label, Parameter, Status, StatusDetails, TestResult
from allure_commons.utils import now, platform_label, uuid4
from behave.formatter.base import Formatter
from behave.model_type import Status as BehaveStatus

from support.evidence.result import ScenarioResult
from support.outcomes import BadInput, Outcome, worst
from support.reporting.identity import identify, labels, place, rule_of, tags_of, test_case_id
from support.reporting.run_info import RunInfo

STATUS = {
    Outcome.MET: Status.PASSED,
    Outcome.VIOLATED: Status.FAILED,
    Outcome.NOT_APPLICABLE: Status.SKIPPED,
    Outcome.COULD_NOT_JUDGE: Status.BROKEN,
    Outcome.BROKEN: Status.BROKEN,
}
_STEP_STATUS = {"passed": Status.PASSED, "failed": Status.FAILED, "skipped": Status.SKIPPED, "untested": Status.SKIPPED}


def message(outcome: Outcome, reason: str) -> str:
    """What Allure shows as the reason. Begins with the outcome, by which categories tell *could not judge* from *broken*."""
    return "" if outcome is Outcome.MET else reason if reason.startswith(f"{outcome}: ") else f"{outcome}: {reason or 'no reason was given'}"


def final_result(scenario: Any) -> ScenarioResult | None:
    """The result that ``after_scenario`` left on a behave scenario, made *broken* by what failed after that hook; None without one."""
    result: ScenarioResult | None = getattr(scenario, "holdfast_result", None)
    trouble = _trouble(scenario)
    if result is None or not trouble or result.outcome is Outcome.BROKEN:
        return result
    outcome = worst([result.outcome, Outcome.BROKEN])
    return replace(result, outcome=outcome, reason="; ".join(filter(None, [result.reason, trouble])))


def _trouble(scenario: Any) -> str:
    """What of the suite itself failed around the scenario's steps."""
    for part in filter(None, (scenario, rule_of(scenario), scenario.feature)):
        if part.hook_failed:
            return str(part.error_message or f"a hook of {part.type} {part.name!r} failed")
    return "a clean-up failed" if scenario.status == BehaveStatus.cleanup_error else ""


class Listener(AllureListener):  # type: ignore[misc]  # allure-behave is untyped
    """Writes one Allure result for each scenario that was selected and came to something."""

    def __init__(self, config: Any, run_directory: Path) -> None:
        super().__init__(config)
        self.run_directory = run_directory
        self._unselected = False

    @cached_property
    def run(self) -> RunInfo | None:
        try:
            return RunInfo.load(self.run_directory)
        except BadInput:
            return None  # behave was run with this formatter alone: identities then leave the place out

    def start_scenario(self, scenario: Any) -> None:
        # Skipped before it began and nobody said why: it was not selected (tags, name, line).
        self._unselected = not scenario.should_run(self.behave_config) and not scenario.skip_reason
        self.current_scenario_uuid = uuid4()
        self.group_context.enter()
        identity = identify(scenario)
        self.logger.schedule_test(self.current_scenario_uuid, self._test_case(scenario, identity))

    def _test_case(self, scenario: Any, identity: dict[str, str]) -> TestResult:
        row = dict(zip(scenario._row.headings, scenario._row.cells, strict=True)) if scenario._row else {}
        where = place(identity, self.run)
        case = test_case_id(identity, row, where)
        test = TestResult(uuid=self.current_scenario_uuid, start=now(), name=scenario.name or scenario.keyword)
        test.fullName = f"{identity['requirement']}: {identity['rule']}: {identity['scenario']}"
        test.titlePath = [part for part in (identity["system"], identity["requirement"], identity["rule"]) if part]
        test.testCaseId = test.historyId = case
        test.description = "\n".join(scenario.description)
        test.parameters = [Parameter(name=name, value=value) for name, value in {**row, **where}.items()]
        test.links.extend(scenario_links(scenario, self.issue_pattern, self.link_pattern))
        pairs = [*labels(identity, tags_of(scenario)), ("framework", "behave"), ("language", platform_label())]
        test.labels.extend(Label(name=name, value=value) for name, value in pairs)
        return test

    def stop_scenario(self, scenario: Any) -> None:
        status, details = self._verdict(scenario)
        if self._unselected or status is None:
            self.steps.clear()
            self.logger.drop_test(self.current_scenario_uuid)
        else:
            self.flush_steps()
            test = self.logger.get_test(self.current_scenario_uuid)
            test.stop, test.status, test.statusDetails = now(), status, details
            self.logger.close_test(self.current_scenario_uuid)
            self.group_context.append_test(self.current_scenario_uuid)
        self.group_context.exit()
        self.current_step_uuid = self.current_scenario_uuid = None

    def _verdict(self, scenario: Any) -> tuple[str | None, StatusDetails | None]:
        """Allure's status and its reason; no status for a scenario that was never begun (dry run, aborted run)."""
        result = final_result(scenario)
        failed = next((step for step in scenario.all_steps if step.status.has_failed()), None)
        trace = getattr(step_status_details(failed), "trace", None) if failed else None
        if result is not None:
            return STATUS[result.outcome], StatusDetails(message=message(result.outcome, result.reason), trace=trace)
        if trouble := _trouble(scenario):
            return Status.BROKEN, StatusDetails(message=message(Outcome.BROKEN, trouble))
        if failed is not None:
            details = step_status_details(failed) or StatusDetails()
            outcome = Outcome.VIOLATED if _step_status(failed) == Status.FAILED else Outcome.BROKEN
            return STATUS[outcome], StatusDetails(message=message(outcome, (details.message or failed.status.name).strip()), trace=trace)
        if scenario.status == BehaveStatus.skipped:
            return Status.SKIPPED, StatusDetails(message=message(Outcome.NOT_APPLICABLE, scenario.skip_reason or ""))
        return (Status.PASSED, None) if scenario.status == BehaveStatus.passed else (None, None)

    def stop_behave_step(self, result: Any) -> None:
        details = step_status_details(result)
        if result.status == BehaveStatus.hook_error:
            details = StatusDetails(message=message(Outcome.BROKEN, result.error_message or "a hook failed"), trace=getattr(details, "trace", None))
        self.logger.stop_step(self.current_step_uuid, stop=now(), status=_step_status(result), statusDetails=details)

    def report_hook_failure(self, container: Any) -> None:
        """A feature's or rule's own hook failed: its scenarios that never began are broken; if all did, it is an error of the whole run."""
        unreached = [s for s in container.walk_scenarios() if s.status == BehaveStatus.untested and s.should_run(self.behave_config)]
        for scenario in unreached:
            self.start_scenario(scenario)
            self.stop_scenario(scenario)
        if not unreached:
            self.logger.global_error(message=message(Outcome.BROKEN, container.error_message or f"a hook of {container.name!r} failed"))

    def start_file(self) -> None:
        """Groups are kept a scenario only: a feature may be begun and ended several times."""

    def stop_feature(self) -> None:
        """See start_file."""


def _step_status(step: Any) -> str:
    """An assertion that fails is *failed*; whatever else goes wrong (also an assertion in a hook) is *broken*."""
    return _STEP_STATUS.get(step.status.name, Status.BROKEN)


class AllureFormatter(Original):  # type: ignore[misc]  # allure-behave is untyped
    def __init__(self, stream_opener: Any, config: Any) -> None:
        Formatter.__init__(self, stream_opener, config)  # the original's would register its own listener
        results = Path(stream_opener.name)
        self.listener = Listener(config, results.parent)
        self.file_logger = AllureFileLogger(str(results))
        allure_commons.plugin_manager.register(self.listener)
        allure_commons.plugin_manager.register(self.file_logger)
        self._containers: list[Any] = []

    def uri(self, uri: str) -> None:
        self._containers = []

    def feature(self, feature: Any) -> None:
        self._begin(feature)

    def rule(self, rule: Any) -> None:
        self._begin(rule)

    def _begin(self, container: Any) -> None:
        if not any(known is container for known in self._containers):
            self._containers.append(container)
        for scenario in container.walk_scenarios():
            if not hasattr(scenario, "holdfast_reported"):  # a rule's scenarios are its feature's, too
                scenario.holdfast_reported = True
                scenario.run = allure_commons.test(scenario.run, context={"scenario": scenario})

    def eof(self) -> None:
        for container in self._containers:
            if container.hook_failed:
                self.listener.report_hook_failure(container)
        self._containers = []

