"""What every page says about a run: ``run.json``, and which verdict speaks for a scenario."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.evidence.result import Judgement, ScenarioResult
from support.outcomes import BadInput


@dataclass(frozen=True)
class RunInfo:
    """The contents of ``run.json``. ``systems`` maps a system to what was judged as it (``{"streams": "reference"}``)."""

    run_id: str
    started: str = ""
    seed: int | None = None
    testbed: str = ""
    reason: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    systems: dict[str, str] = field(default_factory=dict)
    commit: str = ""
    calibration: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, run_directory: Path) -> RunInfo:
        """Raises BadInput where there is no readable ``run.json``. Fields that we do not know are left out."""
        path = run_directory / "run.json"
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{name: data[name] for name in cls.__dataclass_fields__ if data.get(name) is not None})
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise BadInput(f"{path}: not a run of Holdfast ({type(error).__name__}: {error})") from error

    def system(self, name: str) -> str:
        """What was judged as the system ``name``."""
        return self.systems.get(name, name)

    @property
    def services(self) -> str:
        return " · ".join(f"{name} {version}" for name, version in self.versions.items())

    @property
    def place(self) -> str:
        """``testbed processes · PostgreSQL 18.4 · seed 4711``."""
        parts = [f"testbed {self.testbed}" if self.testbed else "", self.services, f"seed {self.seed}" if self.seed is not None else ""]
        return " · ".join(part for part in parts if part)

    @property
    def calibration_text(self) -> str:
        """The instrument's own error as this run calibrated it: ``± 0.03 s · availability ± 0 points``; empty where it was not."""
        found = self.calibration
        if "rto_error_s" not in found:
            return ""
        bias = abs(found.get("availability_bias", 0))
        return f"± {found['rto_error_s']:.2g} s · availability ± {bias:.2g} points (n = {found.get('samples', '?')})"


def leading(result: ScenarioResult) -> Judgement | None:
    """The judgement that speaks for a scenario: the first that came out as the scenario did (promises, which come last, only when they are broken).

    None where its outcome comes from no judgement: what was met before does not speak for a scenario that broke.
    """
    return next((j for j in result.judgements if j.verdict.outcome is result.outcome), None)


def store_results(run_directory: Path, results: list[ScenarioResult]) -> None:
    """Write ``results.json``: what the whole run came to, scenarios that were never played included."""
    text = json.dumps([result.to_dict() for result in results], indent=1, ensure_ascii=False)
    (run_directory / "results.json").write_text(text, encoding="utf-8")


def load_results(run_directory: Path) -> list[ScenarioResult]:
    """``results.json``, or each scenario's own ``result.json`` where the run was cut short. Raises BadInput for one that cannot be read."""
    whole = run_directory / "results.json"
    if whole.exists():
        return [_result(whole, data) for data in _read(whole)]
    return [_result(path, _read(path)) for path in sorted((run_directory / "scenarios").glob("*/result.json"))]


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read ({error})") from error


def _result(path: Path, data: Any) -> ScenarioResult:
    try:
        return ScenarioResult.from_dict(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"{path}: not a scenario's result ({type(error).__name__}: {error})") from error
