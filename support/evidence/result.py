"""What became of one scenario: the unit from which reports, criteria and exit codes are made."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from support.evidence.verdict import Verdict
from support.outcomes import Outcome


@dataclass(frozen=True)
class Judgement:
    """One verdict with the sentence that asked for it and the check (as data) that gave it."""

    step: str
    check: dict[str, Any]
    verdict: Verdict

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Judgement:
        return cls(data["step"], data["check"], Verdict.from_dict(data["verdict"]))

    def to_dict(self) -> dict[str, Any]:
        return {"step": self.step, "check": self.check, "verdict": self.verdict.to_dict()}


@dataclass(frozen=True)
class ScenarioResult:
    """``id`` is ``<criterion>/<scenario name>``; ``reason`` says why, wherever the outcome is not *met*. Durations are seconds.

    ``times`` splits ``duration`` into ``services``, ``waiting``, ``suite`` and ``teardown``. ``killed`` names the defects
    that this scenario is known to catch (proven by the falsification matrix). ``directory`` is relative to the run's.
    """

    id: str
    system: str
    requirement: str
    criterion: str
    rule: str
    scenario: str
    location: str
    outcome: Outcome
    reason: str = ""
    tags: tuple[str, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    duration: float = 0.0
    times: dict[str, float] = field(default_factory=dict)
    killed: tuple[str, ...] = ()
    directory: str = ""
    nodes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "judgements": [j.to_dict() for j in self.judgements]}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ScenarioResult:
        return cls(**{
            **data,
            "outcome": Outcome(data["outcome"]),
            "judgements": tuple(Judgement.from_dict(j) for j in data["judgements"]),
            "tags": tuple(data["tags"]),
            "killed": tuple(data["killed"]),
            "nodes": tuple(data["nodes"]),
        })
