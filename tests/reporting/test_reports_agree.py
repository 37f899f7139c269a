"""criteria.html, Allure's results and the exit code say the same of any run."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from support.evidence.result import Judgement, ScenarioResult
from support.evidence.verdict import Verdict
from support.outcomes import ExitCode, Outcome, worst
from support.reporting import allure_results, criteria
from support.reporting.run_info import RunInfo
from support.reporting.tally import exit_code, tally

RUN = {"run_id": "1", "testbed": "processes", "systems": {"streams": "reference"}, "seed": 1}
ALLURE = {
    "passed": {Outcome.MET},
    "failed": {Outcome.VIOLATED},
    "skipped": {Outcome.NOT_APPLICABLE},
    "broken": {Outcome.COULD_NOT_JUDGE, Outcome.BROKEN},
}
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30)
CRITERIA = st.sampled_from(["R1.1", "R1.2", "R1.10", "PG1", ""])


@st.composite
def results(draw: st.DrawFn) -> list[ScenarioResult]:
    found = []
    for number in range(draw(st.integers(1, 12))):
        outcome, criterion, name = draw(st.sampled_from(list(Outcome))), draw(CRITERIA), f"{draw(TEXT)} {number}"
        value, limit = draw(st.none() | st.floats(-1e6, 1e6)), draw(st.none() | st.floats(0, 1e4))
        verdict = Verdict(outcome, draw(TEXT), draw(TEXT), value, limit, draw(st.sampled_from(["s", "streams", ""])), samples=3)
        judgements = (Judgement("step", {"check": "X"}, verdict),) if draw(st.booleans()) else ()
        found.append(ScenarioResult(
            id=f"{criterion}/{name}", system="streams", requirement="Requirement 1", criterion=criterion, rule=draw(TEXT), scenario=name,
            location=f"features/streams/a.feature:{number}", outcome=outcome, reason=draw(TEXT), judgements=judgements,
            killed=tuple(draw(st.lists(TEXT, max_size=2)))))
    return found


def written_by_allure(folder: Path) -> dict[str, tuple[str, str]]:
    """Location -> status and message, as Allure will read them."""
    loaded = [json.loads(path.read_text()) for path in folder.glob("*-result.json")]
    assert len({allure_results.location(data) for data in loaded}) == len(loaded)
    return {allure_results.location(data): (data["status"], data.get("statusDetails", {}).get("message", "")) for data in loaded}


@settings(max_examples=60, deadline=None)
@given(results())
def test_all_reports_agree(found: list[ScenarioResult]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        (directory / "run.json").write_text(json.dumps(RUN))
        run = RunInfo.load(directory)
        _leave_some_behind(directory, found)
        assert allure_results.complete(directory, run, found) == []
        shown = written_by_allure(directory / "allure-results")
    page = criteria.page(run, found)

    on_page = criteria.outcomes_on(page)
    assert on_page == {r.id: r.outcome for r in found}
    for result in found:
        status, message = shown[result.location]
        assert result.outcome in ALLURE[status]
        assert message == "" if result.outcome is Outcome.MET else message.startswith(f"{result.outcome}: ")
        assert _category(status, message) == {Outcome.MET: None}.get(result.outcome, str(result.outcome))

    of_criteria = dict(re.findall(r'data-criterion="([^"]*)" data-criterion-outcome="([^"]*)"', page))
    assert of_criteria == {t.criterion: str(t.outcome) for t in tally(found)}
    whole = worst([Outcome(outcome) for outcome in of_criteria.values()])
    code = {Outcome.VIOLATED: ExitCode.VIOLATED, Outcome.MET: ExitCode.MET, Outcome.NOT_APPLICABLE: ExitCode.MET}.get(whole, ExitCode.NOT_JUDGED)
    assert exit_code(found) == code


def _leave_some_behind(directory: Path, found: list[ScenarioResult]) -> None:
    """As the formatter would: results of some scenarios, one of them with a status that was later overruled."""
    folder = directory / "allure-results"
    folder.mkdir()
    for result in found[::2]:
        labels = [{"name": "location", "value": result.location}]
        data = {"uuid": f"u{result.location}", "name": result.scenario, "status": "passed", "labels": labels}
        (folder / f"{len(list(folder.iterdir()))}-result.json").write_text(json.dumps(data))


def _category(status: str, message: str) -> str | None:
    for category in allure_results.CATEGORIES:
        if status in category["matchedStatuses"] and re.search(str(category.get("messageRegex", "")), message):
            return str(category["name"]).split(":")[0]
    return None


def test_required_criteria_must_apply() -> None:
    lacking = [ScenarioResult("R1.2/x", "streams", "", "R1.2", "", "x", "f:1", Outcome.NOT_APPLICABLE)]
    assert exit_code(lacking) == ExitCode.MET
    assert exit_code(lacking, ["R1"]) == exit_code(lacking, ["R1.2"]) == ExitCode.NOT_JUDGED
    assert exit_code(lacking, ["R1.1", "R2"]) == ExitCode.MET


def test_nothing_judged_is_not_met() -> None:
    assert exit_code([]) == ExitCode.NOT_JUDGED


def test_a_tally_reads_as_a_sentence() -> None:
    outcomes = [Outcome.MET] * 3 + [Outcome.NOT_APPLICABLE] * 2
    found = [ScenarioResult(f"R1.2/{i}", "streams", "", "R1.2", "", str(i), f"f:{i}", outcome) for i, outcome in enumerate(outcomes)]
    assert [t.text for t in tally(found)] == ["met 3 of 5, 2 not applicable"]


def test_criteria_come_in_natural_order() -> None:
    found = [ScenarioResult(f"{c}/x", "streams", "", c, "", "x", c, Outcome.MET) for c in ("R1.10", "R1.2", "R1.1")]
    assert [t.criterion for t in tally(found)] == ["R1.1", "R1.2", "R1.10"]


def test_an_allure_result_that_nobody_vouches_for_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps(RUN))
    (tmp_path / "allure-results").mkdir()
    (tmp_path / "allure-results" / "1-result.json").write_text(json.dumps({"uuid": "u", "name": "Stray", "status": "passed"}))
    assert allure_results.complete(tmp_path, RunInfo.load(tmp_path), []) == ["'Stray' has no result: it is left out"]
    assert not list((tmp_path / "allure-results").glob("*-result.json"))
