"""The testbed over Testcontainers: every node with an image is a container in a network of the run's own.

A node listens on the same port number inside its container and, published on loopback, outside, so one number is enough to
advertise it. The host is reached from containers as the gateway of the network. Nodes without an image (a program that
the user gave as a command) run as processes that listen on the gateway's address, where host and containers both reach them.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from support.observer.process import ObserverProcess
from support.outcomes import BadInput
from support.testbed.belongings import Belongings
from support.testbed.container import ContainerNode
from support.testbed.engine import available, start_ryuk, sweep
from support.testbed.interface import HOST, OUTSIDE, Address, Link, Node, NodeSpec, Testbed
from support.testbed.links import RelayLink
from support.testbed.network import Network
from support.testbed.processes import LOOPBACK, Processes
from support.testbed.runs import register_run

__all__ = ["Containers", "available", "sweep"]


class Containers(Testbed):
    """Nodes as containers. Made in the supervisor, it may be used in its forks, too: each process removes nodes of its own."""

    name = "containers"
    capabilities = frozenset({"start", "kill", "stop", "restart", "freeze", "signal", "run", "link"})

    def __init__(self, run_id: str, relay: Callable[[], ObserverProcess], reason: str = "as asked") -> None:
        if missing := available([]):
            raise BadInput(f"-D testbed=containers: {missing}")
        self.reason = reason
        self._relay = relay
        self._run_id = run_id
        self._maker = os.getpid()
        self._belongings = Belongings()
        register_run(run_id)  # from here on, no sweep takes away what is made
        start_ryuk()
        self._network = Network.create(run_id)
        self._processes = Processes(run_id, relay, reason, listen=self._network.gateway)

    def node(self, spec: NodeSpec) -> Node:
        """See ``Testbed.node``. BadInput: its image cannot be had."""
        if spec.image is None:
            return self._processes.node(spec)
        return self._belongings.add(ContainerNode(spec, self._run_id, self._network))

    def link(self, viewer: str | Node, node: Node | Address, port: str, beside: Link | None = None) -> Link:
        return self._belongings.add(RelayLink(self._relay(), viewer, node, port, self.listen_addresses(), self.host_address, beside))

    def host_address(self, seen_from: str | Node = HOST) -> str:
        """The gateway for containers; everything else is on the host itself, or outside."""
        if seen_from == OUTSIDE:
            return self.outside or LOOPBACK
        return self._network.gateway if isinstance(seen_from, ContainerNode) else LOOPBACK

    def listen_addresses(self) -> list[str]:
        return list(dict.fromkeys([LOOPBACK, self._network.gateway, self.outside or LOOPBACK]))

    def close(self) -> None:
        """Remove what this process made; in the process that made the testbed, also the network."""
        self._belongings.remove()
        if os.getpid() == self._maker:
            self._network.remove()
        self._processes.close()
