"""Which systems have a contract, and which words a target file may use for each: ``systems/<system>/contract/contract.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SUPPORT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Contract:
    """The programs that a system consists of (the first one is judged), what it may lack, and what of that is read in its database."""

    system: str
    programs: tuple[str, ...]
    capabilities: tuple[str, ...]
    in_database: tuple[str, ...] = ()

    @property
    def main(self) -> str:
        return self.programs[0]


@cache
def contracts() -> dict[str, Contract]:
    """Each system that a target can name. Systems that are servers themselves (PostgreSQL, Redis) need no target and are not here."""
    found = {}
    for path in sorted(SUPPORT.glob("systems/*/contract/contract.toml")):
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        system = path.parents[1].name
        found[system] = Contract(system, tuple(data["programs"]), tuple(data["capabilities"]), tuple(data["in_database"]))
    return found
