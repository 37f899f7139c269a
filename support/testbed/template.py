"""Fills the placeholders of a node's specification: ``{port:NAME}``, ``{listen}``, ``{source}``, ``{data}``. Other braces stay as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_PLACEHOLDER = re.compile(r"\{(?:port:(?P<port>[A-Za-z0-9_-]+)|(?P<word>listen|source|data))\}")


@dataclass(frozen=True)
class Template:
    """What one node's placeholders stand for."""

    ports: Mapping[str, int]
    listen: str
    data: str
    source: str

    def fill(self, text: str) -> str:
        """``text`` with every placeholder replaced. KeyError: it names a port that the specification does not declare."""
        return _PLACEHOLDER.sub(self._value, text)

    def all(self, texts: Sequence[str]) -> list[str]:
        return [self.fill(text) for text in texts]

    def values(self, texts: Mapping[str, str]) -> dict[str, str]:
        return {key: self.fill(text) for key, text in texts.items()}

    def _value(self, match: re.Match[str]) -> str:
        if port := match["port"]:
            return str(self.ports[port])
        return {"listen": self.listen, "source": self.source, "data": self.data}[match["word"]]
