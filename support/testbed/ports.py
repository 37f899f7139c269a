"""TCP ports of this machine that stay ours from the moment a node is laid out, over every restart, until it is removed.

A reservation is an abstract Unix socket named after the port: the kernel gives the name to one holder only, in the same
network namespace as the port itself, and takes it back when the holder dies. So two runs never choose the same port, and
nothing has to be swept. The ports lie below the ephemeral range, so that no outgoing connection of anybody takes one while
its node is down.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from pathlib import Path

_FIRST, _LAST = 15000, 32000
_ATTEMPTS = 10_000
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


class ReservedPort:
    """One reserved port. Nothing listens on it yet."""

    def __init__(self, number: int, holder: socket.socket) -> None:
        self.number = number
        self._holder = holder

    def release(self) -> None:
        """Give it back. Can be called twice."""
        self._holder.close()


def reserve() -> ReservedPort:
    """Reserve a port that is free on every address. OSError: none is left."""
    for number in _candidates():
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            holder.bind(f"\0holdfast-port-{number}")
            _probe(number)
        except OSError:  # somebody else's: look further
            holder.close()
        else:
            return ReservedPort(number, holder)
    raise OSError(f"no free TCP port between {_FIRST} and {_LAST}")


def _candidates() -> Iterator[int]:
    last = _LAST
    if _EPHEMERAL.exists():
        first_ephemeral = int(_EPHEMERAL.read_text().split()[0])
        if first_ephemeral - _FIRST > 1000:  # otherwise the whole machine is ephemeral, and the range is as good as any
            last = min(last, first_ephemeral)
    choice = random.SystemRandom()
    for _ in range(_ATTEMPTS):
        yield choice.randrange(_FIRST, last)


def _probe(number: int) -> None:
    """Raise OSError unless the port can be bound on every address, by a program that does not set SO_REUSEADDR, too."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.bind(("", number))
