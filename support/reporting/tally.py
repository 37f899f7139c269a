"""Counting: what the scenarios of a criterion came to together, and what a run exits with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from support.evidence.result import ScenarioResult
from support.outcomes import ExitCode, Outcome, worst


@dataclass(frozen=True)
class Tally:
    """One criterion and its scenarios."""

    criterion: str
    rule: str
    system: str
    requirement: str
    results: tuple[ScenarioResult, ...]

    @property
    def outcome(self) -> Outcome:
        return worst([r.outcome for r in self.results])

    @property
    def counts(self) -> Counter[Outcome]:
        return Counter(r.outcome for r in self.results)

    @property
    def text(self) -> str:
        """``met 3 of 5, 2 not applicable``."""
        counts, total = self.counts, len(self.results)
        parts = [f"met {counts[Outcome.MET]} of {total}"]
        parts += [f"{counts[o]} {o}" for o in (Outcome.VIOLATED, Outcome.BROKEN, Outcome.COULD_NOT_JUDGE, Outcome.NOT_APPLICABLE) if counts[o]]
        return ", ".join(parts)


def tally(results: Iterable[ScenarioResult]) -> list[Tally]:
    """One Tally a criterion, in natural order (R1.2 before R1.10)."""
    by_criterion: dict[tuple[str, str], list[ScenarioResult]] = {}
    for result in results:
        by_criterion.setdefault((result.system, result.criterion), []).append(result)
    tallies = [Tally(criterion, found[0].rule, system, found[0].requirement, tuple(found)) for (system, criterion), found in by_criterion.items()]
    return sorted(tallies, key=lambda t: (t.system, natural(t.criterion)))


def natural(text: str) -> list[tuple[int, str]]:
    """A sort key by which R1.2 comes before R1.10."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", text)]


def exit_code(results: Iterable[ScenarioResult], require: Iterable[str] = ()) -> int:
    """0 all met (or not applicable, where that was not forbidden), 1 violated, 3 could not judge, broken, or nothing was judged.

    ``require`` names criteria (``R1.2``) or whole requirements (``R1``) whose scenarios must apply: those that do not count as not judged.
    """
    found = list(results)
    outcomes = {r.outcome for r in found}
    if Outcome.VIOLATED in outcomes:
        return ExitCode.VIOLATED
    required = tuple(require)
    refused = any(r.outcome is Outcome.NOT_APPLICABLE and _belongs(r.criterion, required) for r in found)
    if not found or refused or outcomes & {Outcome.BROKEN, Outcome.COULD_NOT_JUDGE}:
        return ExitCode.NOT_JUDGED
    return ExitCode.MET


def _belongs(criterion: str, required: tuple[str, ...]) -> bool:
    return any(criterion == name or criterion.startswith(f"{name}.") for name in required)
