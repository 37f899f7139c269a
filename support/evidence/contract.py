"""What a check of a system's interface against its contract came to: printed before the scenarios, stored in ``contract.json``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "contract.json"


@dataclass(frozen=True)
class ContractFindings:
    """``checked`` says how far it was asked; each finding is one line. None means that it keeps to its contract, as far as was asked."""

    system: str
    checked: str
    findings: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        """A line that sums it up, and one for each finding."""
        count = len(self.findings)
        outcome = f"{count} finding{'s' if count != 1 else ''}" if count else "no findings"
        return [f"contract {self.system}: {outcome} ({self.checked})", *(f"         - {finding}" for finding in self.findings)]


def store_contracts(run_directory: Path, found: list[ContractFindings]) -> None:
    (run_directory / FILE).write_text(json.dumps([asdict(contract) for contract in found], indent=1), encoding="utf-8")


def load_contracts(run_directory: Path) -> list[ContractFindings]:
    """What was stored with a run; nothing where nothing was checked."""
    path = run_directory / FILE
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return [ContractFindings(data["system"], data["checked"], tuple(data["findings"])) for data in stored]
