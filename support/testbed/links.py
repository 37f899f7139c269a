"""The commanding side of a link: the relay process carries the traffic (support/observer/relay.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from support.observer.process import ObserverProcess
from support.testbed.interface import HOST, Address, Direction, Link, LinkCounters, LinkMode, Node
from support.testbed.ports import reserve


class RelayLink(Link):
    """A link on a port of this machine. ``host_for`` says under which address a viewer reaches this machine."""

    def __init__(
        self, relay: ObserverProcess, viewer: str | Node, node: Node | Address, port: str, listen: Sequence[str],
        host_for: Callable[[str | Node], str], beside: Link | None = None,
    ) -> None:
        self._relay = relay
        self._host_for = host_for
        self._beside = beside
        self._port = reserve()
        name, target = (str(node), node) if isinstance(node, Address) else (node.name, node.address(port))
        self.name = f"{viewer if isinstance(viewer, str) else viewer.name}-{name}-{port}-{self._port.number}"  # a viewer may have several
        if beside is None:
            relay.call("link.open", name=self.name, listen=list(listen), target_host=target.host, target_port=target.port, port=self._port.number)
        else:
            assert isinstance(viewer, Node), "links beside another tell viewers apart by where nodes come from"
            relay.call("link.beside", name=self.name, beside=beside.name, source=viewer.source, target_host=target.host, target_port=target.port)

    def address(self, seen_from: str | Node = HOST) -> Address:
        return self._beside.address(seen_from) if self._beside else Address(self._host_for(seen_from), self._port.number)

    def retarget(self, target: Address) -> None:
        """Lead connections to another place from now on: where the node is after it was started again."""
        self._relay.call("link.target", name=self.name, host=target.host, port=target.port)

    def set(self, mode: LinkMode, *, direction: Direction = Direction.BOTH, delay: float = 0.0) -> None:
        """See ``Link.set``. OperationFailed: REFUSE or RESET for one direction only."""
        self._relay.call("link.set", name=self.name, mode=str(mode), direction=str(direction), delay=delay)

    def counters(self) -> LinkCounters:
        return LinkCounters(**self._relay.call("link.counters", name=self.name))

    def close(self) -> None:
        """Can be called twice."""
        self._relay.call("link.close", name=self.name)
        self._port.release()
