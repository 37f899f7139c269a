"""Keeps the orchestrator's idea of the catalogue that of the catalogue."""

from __future__ import annotations

import asyncio
from typing import Any

from ..environment import IDENTIFIER
from .fleet import Fleet
from .peers import PeerError, Peers


class Catalogue:
    """``version`` is that of the last catalogue that was taken over; None before the first."""

    def __init__(self, url: str, peers: Peers, fleet: Fleet) -> None:
        self._url = url
        self._peers = peers
        self._fleet = fleet
        self._one_at_a_time = asyncio.Lock()
        self.version: int | None = None

    async def refresh(self) -> int:
        """Fetch the catalogue and take it over; returns its version. Raises PeerError, or UNREACHABLE of the database."""
        async with self._one_at_a_time:
            version, addresses = parse(await self._peers.call("GET", self._url))
            if version != self.version:
                await self._fleet.catalogue(version, addresses)
                self.version = version
            return version


def parse(answer: Any) -> tuple[int, dict[str, str]]:
    """Version and addresses by stream id. Raises PeerError where the answer is not a catalogue."""
    try:
        version, streams = answer["version"], {s["id"]: s["address"] for s in answer["streams"]}
    except (TypeError, KeyError) as error:
        raise PeerError("the catalogue's answer is not a catalogue") from error
    if not isinstance(version, int) or not all(
        isinstance(i, str) and IDENTIFIER.fullmatch(i) and isinstance(a, str) for i, a in streams.items()
    ):
        raise PeerError("the catalogue's answer is not a catalogue")
    return version, streams
