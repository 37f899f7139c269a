"""A verdict: a measured number beside its limit, and all that is needed to believe it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from support.outcomes import Outcome


@dataclass(frozen=True)
class Window:
    """The stretch of the history (monotonic ns) that a verdict speaks of."""

    start: int
    end: int


@dataclass(frozen=True)
class Verdict:
    """What a checker found.

    ``outcome`` is None while the matter is still open (a deadline has not passed yet); then ``seen`` says how far it is.
    ``value`` and ``limit`` are in ``unit``; ``better`` tells on which side of the limit the good values lie.
    ``error`` is the instrument's own error in ``unit``; ``interval`` only for proportions of independent samples.
    ``samples`` is n; ``distribution`` the single values (plotted); ``suspects`` names streams or instances that failed.
    """

    outcome: Outcome | None
    promise: str
    seen: str
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    better: str = "lower"  # or "higher", "equal"
    samples: int = 0
    error: float | None = None
    interval: tuple[float, float] | None = None
    window: Window | None = None
    distribution: dict[str, float] = field(default_factory=dict)
    suspects: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        return self.outcome is None

    @property
    def met(self) -> bool:
        return self.outcome is Outcome.MET

    @property
    def margin(self) -> float | None:
        """How far inside (positive) or outside (negative) the limit the value lies, in ``unit``."""
        if self.value is None or self.limit is None:
            return None
        return self.value - self.limit if self.better == "higher" else self.limit - self.value

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "margin": self.margin}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Verdict:
        known = {k: v for k, v in data.items() if k != "margin"}
        return cls(**{
            **known,
            "outcome": Outcome(known["outcome"]) if known["outcome"] else None,
            "window": Window(**known["window"]) if known["window"] else None,
            "interval": tuple(known["interval"]) if known["interval"] else None,
            "suspects": tuple(known["suspects"]),
        })
