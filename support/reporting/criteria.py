"""The criteria page: one self-contained, printable file that a stakeholder reads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from html import unescape
from typing import Any

from support.evidence.contract import ContractFindings
from support.evidence.result import ScenarioResult
from support.outcomes import Outcome, worst
from support.reporting.cards import facts, templates
from support.reporting.run_info import RunInfo, leading
from support.reporting.tally import Tally, tally

ORDER = (Outcome.VIOLATED, Outcome.BROKEN, Outcome.COULD_NOT_JUDGE, Outcome.NOT_APPLICABLE, Outcome.MET)


def page(run: RunInfo, results: list[ScenarioResult], contracts: Sequence[ContractFindings] = ()) -> str:
    """The HTML of ``criteria.html``. Rows carry ``data-id`` and ``data-outcome``, for whoever reads it with a program."""
    tallies = tally(results)
    counts = Counter(t.outcome for t in tallies)
    values: dict[str, Any] = {
        "run": run,
        "date": _date(run.started),
        "outcome": worst([r.outcome for r in results]),
        "requirements": _requirements(tallies),
        "counts": [(outcome, counts[outcome]) for outcome in reversed(ORDER) if counts[outcome]],
        "total": len(tallies),
        "scenarios": len(results),
        "defects": len({defect for result in results for defect in result.killed}),
        "facts": facts,
        "leading": leading,
        "contracts": contracts,
    }
    return templates().get_template("criteria.html").render(values)


def outcomes_on(html: str) -> dict[str, Outcome]:
    """What a page says of each scenario, by id: for tests that hold the reports against each other."""
    return {unescape(name): Outcome(outcome) for name, outcome in re.findall(r'data-id="([^"]*)" data-outcome="([^"]*)"', html)}


def _requirements(tallies: list[Tally]) -> list[tuple[str, str, list[Tally]]]:
    """(system, requirement, its criteria), in the order of the criteria."""
    grouped: dict[tuple[str, str], list[Tally]] = {}
    for found in tallies:
        grouped.setdefault((found.system, found.requirement), []).append(found)
    return [(system, requirement, members) for (system, requirement), members in grouped.items()]


def _date(started: str) -> str:
    """``12 May 2026, 14:03`` of an ISO time; what is no such time as it stands."""
    try:
        moment = datetime.fromisoformat(started)
    except ValueError:
        return started
    return f"{moment.day} {moment:%B %Y, %H:%M}"
