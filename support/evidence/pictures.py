"""Pictures that a system registers for its checks: how the history behind a verdict is drawn.

The registry holds functions only; matplotlib is imported by whoever draws (``support.reporting.plots``), never where time is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support.evidence.history import History
from support.evidence.result import Judgement

Painter = Callable[[Any, Judgement, History], None]  # a matplotlib Axes, what was judged, the whole history
PAINTERS: dict[str, Painter] = {}


def plot(check: str) -> Callable[[Painter], Painter]:
    """Draw the verdicts of the check of this name (``@plot("TakenOver")``) with the decorated function."""

    def register(painter: Painter) -> Painter:
        PAINTERS[check] = painter
        return painter

    return register
