"""The roles that sentences name: worker "B", workers "B" and "C", the orchestrator."""

from __future__ import annotations

import re
from dataclasses import dataclass

from support.outcomes import BadInput


@dataclass(frozen=True)
class Role:
    """``names`` are instances; empty for the orchestrator."""

    words: str
    names: tuple[str, ...]


def parse_role(words: str) -> Role:
    """A role from its words. Raises BadInput for words that name none."""
    names = tuple(re.findall(r'"([^"]+)"', words))
    if not names and words != "the orchestrator":
        raise BadInput(f"no role is called {words}: say worker \"B\", workers \"B\" and \"C\", or the orchestrator")
    return Role(words, names)
