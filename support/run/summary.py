"""The last lines of a run: what each criterion came to, where the time went, where the report is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from support.evidence.result import ScenarioResult
from support.outcomes import Outcome
from support.reporting.tally import Tally, tally
from support.run.plan import Plan

_TIMES = {"services": "services", "waiting": "waiting for the system", "suite": "suite", "teardown": "tear-down"}


def last_lines(
    plan: Plan, results: Sequence[ScenarioResult], troubles: Iterable[str], times: Mapping[str, float], pages: Mapping[str, Path],
    require: Iterable[str],
) -> list[str]:
    lines = [f"broken   {trouble}" for trouble in troubles]
    if results:
        lines.append(" · ".join(_criterion(found) for found in tally(results)))
    lines += _remarks(plan, results, tuple(require))
    lines.append(f"time     {' · '.join(f'{words} {_seconds(times[name])}' for name, words in _TIMES.items())}")
    if pages:
        lines.append(f"report   {_shown(pages['index'])} · criteria {_shown(pages['criteria'])}")
    return lines


def _criterion(found: Tally) -> str:
    outcome = "" if found.outcome in (Outcome.MET, Outcome.NOT_APPLICABLE) else f"{found.outcome}: "
    return f"{found.criterion} {outcome}{found.text}"


def _remarks(plan: Plan, results: Sequence[ScenarioResult], require: tuple[str, ...]) -> list[str]:
    lines = []
    if missing := len(plan.entries) - len(results):
        lines.append(f"{missing} of {len(plan.entries)} scenarios were not run")
    if results and all(result.outcome is Outcome.NOT_APPLICABLE for result in results):
        lines.append("nothing was judged: none of the selected scenarios is applicable here")
    refused = sorted({r.criterion for r in results if r.outcome is Outcome.NOT_APPLICABLE and belongs(r.criterion, require)})
    if refused:
        lines.append(f"required, but not applicable here: {', '.join(refused)}")
    return lines


def belongs(criterion: str, require: Iterable[str]) -> bool:
    """Whether a criterion (``R1.2``) is named, or its requirement (``R1``)."""
    return any(criterion == name or criterion.startswith(f"{name}.") for name in require)


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
