"""What is claimed: which scenario says that which variant is defective, and by which check."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict

CLAIMS = Path(__file__).with_name("claims.toml")


class Catch(BaseModel):
    """A scenario that must come out *violated*, by the verdict of this check: for the defect's own reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scenario: str  # "<criterion>/<scenario name>"
    by: str


class Defect(BaseModel):
    """A variant that breaks ``breaks``. It must be caught by each of ``caught``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    breaks: str
    caught: tuple[Catch, ...]


class Claims(BaseModel):
    """The whole file. ``harmless`` variants must stay green in every scenario."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    defect: tuple[Defect, ...]
    harmless: tuple[str, ...]


def load(path: Path = CLAIMS) -> Claims:
    return Claims.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
