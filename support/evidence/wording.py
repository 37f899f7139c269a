"""A verdict in words, the same everywhere: assertion messages, progress lines, cards, tables."""

from __future__ import annotations

import math

from support.evidence.verdict import Verdict
from support.outcomes import Outcome

_SHOWN_SUSPECTS = 5
_ONE = {"breaches": "breach", "moves": "move", "points": "point", "streams": "stream"}
_TIGHT_UNITS = {"s", "ms", "min", "%", "MB"}  # "of 60 s" reads well after these; "of 2 streams" would not


def number(value: float) -> str:
    """A measured number in three significant digits, never an exponent: 0.0312, 6.42, 53.6, 1234."""
    size = abs(value)
    if value == round(value) or size >= 100:
        return f"{value:.0f}"
    if size >= 1:
        return f"{value:.{1 if size >= 10 else 2}f}"
    if size >= 0.001:
        return f"{value:.3g}"
    return f"{value:.4f}".rstrip("0").rstrip(".") if size >= 0.00005 else "0"


def quantity(value: float, unit: str) -> str:
    text = number(value)
    return f"{text} {_ONE.get(unit, unit) if text == '1' else unit}".rstrip()


def measured(verdict: Verdict) -> str:
    """``6.42 s ± 0.03 s``, with the interval where it is a proportion; empty where nothing was measured."""
    if verdict.value is None:
        return ""
    text = quantity(verdict.value, verdict.unit)
    if verdict.outcome is not None and verdict.details.get("censored"):
        return f"over {text}"  # it never came: this is how long was watched, not a measurement
    if verdict.error:
        error = _roughly(verdict.error)
        text = f"{quantity(round(verdict.value, _decimals(error)), verdict.unit)} ± {quantity(error, verdict.unit)}"
    if verdict.interval is not None:
        low, high = verdict.interval
        text += f" ({number(low)} to {quantity(high, verdict.unit)})"
    return text


def _roughly(error: float) -> float:
    """An error needs one significant digit: 0.0312 is 0.03."""
    return float(f"{error:.1g}") if abs(error) < 1 else error


def _decimals(error: float) -> int:
    """How many of a number's decimals an error leaves certain: 0.03 leaves two."""
    return max(0, -math.floor(math.log10(error)))


def limit(verdict: Verdict) -> str:
    """``at most 60 s``, ``at least 99 %``, ``exactly 3 moves``, ``none allowed``; empty where there is no limit."""
    if verdict.limit is None:
        return ""
    if verdict.limit == 0 and verdict.better == "lower":
        return "none allowed"
    word = {"lower": "at most", "higher": "at least", "equal": "exactly"}[verdict.better]
    return f"{word} {quantity(verdict.limit, verdict.unit)}"


def margin(verdict: Verdict) -> str:
    """``53.6 s``, ``-10.2 s`` or ``exceeded`` for a limit that was missed; empty for an exact number or where nothing was measured."""
    if verdict.margin is None or verdict.better == "equal":
        return ""
    if verdict.outcome is Outcome.VIOLATED and verdict.details.get("censored"):
        return "exceeded"
    return quantity(verdict.margin, verdict.unit)


def headline(verdict: Verdict) -> str:
    """The measurement beside its limit in a few words: ``6.42 s ± 0.03 s of 60 s``; what was seen where nothing was measured."""
    value = measured(verdict)
    if not value:
        return verdict.seen
    if verdict.limit is None:
        return value
    if verdict.better == "lower" and verdict.limit and verdict.unit in _TIGHT_UNITS:
        return f"{value} of {quantity(verdict.limit, verdict.unit)}"
    return f"{value}, {limit(verdict)}"


def sentence(verdict: Verdict) -> str:
    """One line that says the outcome, what was seen last, the measurement and who is to blame.

    ``violated: 7 of 10 streams read by another; not yet: s04 (queued) - every stream of "B" is read by another within 60 s (over 60 s of 60 s)``
    """
    word = "waiting" if verdict.outcome is None else verdict.outcome.value
    text = f"{word}: {verdict.seen or 'nothing seen'}"
    if named := _unnamed_suspects(verdict):
        text += f"; {named}"
    text += f" - {verdict.promise}" if verdict.promise else ""
    return f"{text} ({headline(verdict)})" if verdict.value is not None else text


def _unnamed_suspects(verdict: Verdict) -> str:
    suspects = [s for s in verdict.suspects if s not in verdict.seen]
    if not suspects or len(suspects) < len(verdict.suspects):  # some are named already: what was seen chose them
        return ""
    more = len(suspects) - _SHOWN_SUSPECTS
    return ", ".join(suspects[:_SHOWN_SUSPECTS]) + (f" and {more} more" if more > 0 else "")
