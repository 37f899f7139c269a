"""The verdict card: what one scenario came to, as text and as a small page."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from support.evidence import wording
from support.evidence.result import ScenarioResult
from support.outcomes import Outcome
from support.reporting.run_info import RunInfo, leading

# An outcome is told by a symbol and a word, too, never by colour alone.
SYMBOLS = {Outcome.MET: "✓", Outcome.VIOLATED: "✗", Outcome.NOT_APPLICABLE: "–", Outcome.COULD_NOT_JUDGE: "?", Outcome.BROKEN: "!"}
_WIDTH = 112


@cache
def templates() -> Environment:
    """The pages of this folder. Every value is escaped; a missing one is an error."""
    loader = FileSystemLoader(Path(__file__).parent / "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(wording=wording, symbols=SYMBOLS)
    environment.filters["css"] = lambda outcome: str(outcome).replace(" ", "-")
    environment.filters["number"] = wording.number
    return environment


def facts(result: ScenarioResult) -> dict[str, str]:
    """Measured, limit, margin, samples of the leading judgement, in words; what was not measured is left out."""
    judgement = leading(result)
    if judgement is None:
        return {}
    verdict = judgement.verdict
    found = {
        "measured": wording.measured(verdict),
        "limit": wording.limit(verdict),
        "margin": wording.margin(verdict),
        "samples": str(verdict.samples or ""),
        "median": wording.quantity(verdict.details["median"], verdict.unit) if isinstance(verdict.details.get("median"), int | float) else "",
    }
    return {name: value for name, value in found.items() if value}


def text_card(result: ScenarioResult, run: RunInfo) -> str:
    """The card in plain text, a few lines."""
    judgement = leading(result)
    lines = [f"{result.criterion}  {result.rule}".strip().ljust(_WIDTH - 18) + f"  {str(result.outcome).upper():>16}", result.scenario]
    if known := facts(result):
        lines.append("   ".join(f"{name} {value}" for name, value in known.items()))
    if judgement is not None:
        lines.append(f"{judgement.verdict.promise}: {judgement.verdict.seen}")
    if result.reason:
        lines.append(result.reason)
    lines.append(run.place)
    if result.killed:
        lines.append(f"this scenario has caught: {', '.join(result.killed)}")
    if len(result.judgements) > 1:
        lines += ["", "every verdict of this scenario"]
        lines += [f"  {SYMBOLS[j.verdict.outcome] if j.verdict.outcome else '…'} {wording.sentence(j.verdict)}" for j in result.judgements]
    return "\n".join(lines) + "\n"


def html_card(result: ScenarioResult, run: RunInfo) -> str:
    """The card as a small self-contained page."""
    values: dict[str, Any] = {"result": result, "run": run, "facts": facts(result), "leading": leading(result)}
    return templates().get_template("card.html").render(values)
