"""A stored run, judged again from its histories, without any system."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import support.evidence.availability  # noqa: F401 - defines checks
from support.evidence import wording
from support.evidence.check import Check, check_from_dict
from support.evidence.history import History
from support.evidence.result import Judgement, ScenarioResult
from support.evidence.verdict import Verdict
from support.outcomes import BadInput
from support.reporting.modules import import_of_every_system
from support.reporting.run_info import load_results


@dataclass(frozen=True)
class Comparison:
    """One stored verdict beside what its check says now; ``again`` is None where the check failed (``trouble``)."""

    scenario: str
    step: str
    stored: Verdict
    again: Verdict | None
    trouble: str = ""

    @property
    def agrees(self) -> bool:
        return self.again is not None and self.again.outcome is self.stored.outcome and _same_value(self.stored, self.again)


def _same_value(stored: Verdict, again: Verdict) -> bool:
    if stored.details.get("censored"):  # "over 60 s": how long was watched, not a measurement
        return True
    if stored.value is None or again.value is None:
        return stored.value is again.value
    return abs(stored.value - again.value) <= 1e-6  # seconds and counts alike: the same record gives the same number


def recheck(run_directory: Path) -> list[Comparison]:
    """Judge every stored verdict of a run again. Raises BadInput for a run that cannot be read."""
    import_of_every_system("checks")
    results = [result for result in load_results(run_directory) if result.directory]
    compared = [comparison for result in results for comparison in _scenario(run_directory / result.directory, result)]
    if not compared:
        raise BadInput(f"{run_directory}: holds no verdict to judge again")
    return compared


def _scenario(folder: Path, result: ScenarioResult) -> Iterator[Comparison]:
    try:
        stored = [Judgement.from_dict(data) for data in json.loads((folder / "verdicts.json").read_text(encoding="utf-8"))]
        history = History.load(*sorted(folder.glob("*.jsonl")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{folder}: its history or verdicts cannot be read ({type(error).__name__}: {error})") from error
    for judgement in stored:
        try:
            check = check_from_dict(judgement.check)
        except (KeyError, TypeError) as error:
            raise BadInput(f"{folder / 'verdicts.json'}: no such check here: {judgement.check} ({error})") from error
        yield _again(result, judgement, check, history)


def _again(result: ScenarioResult, judgement: Judgement, check: Check, history: History) -> Comparison:
    window = judgement.verdict.window
    known = history if window is None else history.between(0, window.end)  # nothing after it was known to the verdict
    try:
        again = check.judge(known, final=True)
    except Exception as error:  # noqa: BLE001 - a checker that fails on a stored history is a finding
        return Comparison(result.id, judgement.step, judgement.verdict, None, f"{type(error).__name__}: {error}")
    return Comparison(result.id, judgement.step, judgement.verdict, again)


def table(compared: list[Comparison]) -> str:
    """Disagreements in full, agreement in a line a scenario."""
    lines = []
    for scenario in dict.fromkeys(c.scenario for c in compared):
        mine = [c for c in compared if c.scenario == scenario]
        differing = [c for c in mine if not c.agrees]
        lines.append(f"{'agrees ' if not differing else 'DIFFERS'}  {scenario}  ({len(mine)} verdicts)")
        for comparison in differing:
            now = wording.sentence(comparison.again) if comparison.again else comparison.trouble
            lines += [f"         {comparison.step}", f"           stored  {wording.sentence(comparison.stored)}", f"           again   {now}"]
    agreeing = sum(c.agrees for c in compared)
    return "\n".join([*lines, f"{agreeing} of {len(compared)} verdicts agree"])
