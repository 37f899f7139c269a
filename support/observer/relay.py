"""Links: TCP relays with a stable port, which can refuse, reset, fall silent or delay, in both directions or in one.

A plugin of the observer process. Every operation returns when its effect is in force: not one byte passes a direction that
was silenced. FIN and RST travel like bytes: a silent link hides the end of a connection, too.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections import Counter
from typing import TYPE_CHECKING, Any

from support.observer.flow import Flow, Way
from support.observer.rpc import Handler, OperationFailed

if TYPE_CHECKING:
    from support.observer.server import Observer

_ACCEPT_AGAIN_SECONDS = 0.05
_log = logging.getLogger(__name__)
_LINGER_RESET = struct.pack("ii", 1, 0)


def plug(observer: Observer) -> dict[str, Handler]:
    """The operations of the links, for the observer process."""
    relay = Relay()
    observer.closing.append(relay.close_all)
    return relay.handlers()


class RelayedLink:
    """One link: listening sockets on one port (none: it gets its connections from the link beside it), a target, and the connections between."""

    def __init__(self, listen: list[str], port: int, target: tuple[str, int]) -> None:
        """Raises OSError: an address cannot be bound."""
        self.target = target
        self.beside: dict[str, RelayedLink] = {}  # source address → the link that connections from there take instead
        self.there, self.back = Way(), Way()
        self.counts: Counter[str] = Counter()
        self._resetting = False
        self._accepting: list[asyncio.Task[None]] = []
        self._connections: set[asyncio.Task[None]] = set()
        self._listeners: list[socket.socket] = []
        try:
            for address in listen:
                self._listeners.append(_bound(address, port))
                port = self.port
        except OSError:
            for listener in self._listeners:
                listener.close()
            raise
        self._admit()

    @property
    def port(self) -> int:
        port: int = self._listeners[0].getsockname()[1]
        return port

    async def set(self, mode: str, direction: str, delay: float) -> None:
        ways = {"both": [self.there, self.back], "there": [self.there], "back": [self.back]}[direction]
        if mode == "refuse" and (self.beside or not self._listeners):
            mode = "reset"  # the kernel refuses all viewers of a port or none
        if mode in ("refuse", "reset"):
            if direction != "both":
                raise OperationFailed(f"{mode} has no single direction")
            await self._shut(reset=mode == "reset")
            ways, mode = [self.there, self.back], "open"  # for what comes after it
        else:
            self._resetting = False
            self._admit()
        for way in ways:
            way.set(mode, delay)

    def counters(self) -> dict[str, int]:
        """As LinkCounters."""
        kept = {name: self.there.counts[name] + self.back.counts[name] for name in ("silenced_bytes", "delayed_bytes")}
        return {**self.counts, **kept, "bytes_there": self.there.counts["bytes"], "bytes_back": self.back.counts["bytes"]}

    async def close(self) -> None:
        await self._shut(reset=False)
        for listener in self._listeners:
            listener.close()

    def _admit(self) -> None:
        """Listen (again). A socket that was shut keeps its port, so nobody else can have got it."""
        if not self._accepting:
            for listener in self._listeners:
                listener.listen(512)
                self._accepting.append(asyncio.create_task(self._accept(listener)))

    async def _shut(self, *, reset: bool) -> None:
        """End all connections and, unless new ones are to be reset, have the kernel refuse new ones."""
        self._resetting = reset
        self.counts["reset" if reset else "refused"] += len(self._connections)
        if reset:
            self._admit()
        elif self._accepting:  # Linux spoils a socket that is shut twice: it listens again, but what it accepts is at its end
            await _cancel(self._accepting)
            self._accepting.clear()
            for listener in self._listeners:
                listener.shutdown(socket.SHUT_RDWR)
        await _cancel(list(self._connections))

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, (source, _) = await loop.sock_accept(listener)
            except OSError as error:  # that one is lost (out of descriptors, gone already), the link is not
                _log.warning("a connection was not accepted: %s", error)
                await asyncio.sleep(_ACCEPT_AGAIN_SECONDS)
                continue
            self.beside.get(source, self)._take(client)

    def _take(self, client: socket.socket) -> None:
        if self._resetting:
            self.counts["reset"] += 1
            _reset(client)
            return
        task = asyncio.create_task(self._relay(client))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _relay(self, client: socket.socket) -> None:
        """One connection from its first to its last byte. An error on one side becomes a reset on the other."""
        node = _stream_socket()
        there, back = Flow(self.there, self.back), Flow(self.back, self.there)
        self.there.receive(1)
        try:
            async with asyncio.TaskGroup() as flows:
                flows.create_task(there.read(client))
                await self._connect(node)
                flows.create_task(there.write(node))
                flows.create_task(back.read(node))
                flows.create_task(back.write(client))
        except* OSError:
            _reset(client)
            _reset(node)
        finally:
            if self._resetting:
                _reset(client)
                _reset(node)
            client.close()
            node.close()

    async def _connect(self, node: socket.socket) -> None:
        """Connect to the target. Silence hides the attempt from the node and, the other way, its failure from the viewer."""
        await self.there.gate.wait()
        try:
            await asyncio.get_running_loop().sock_connect(node, self.target)
        except OSError:
            await self.back.gate.wait()
            raise
        self.counts["connections"] += 1


class Relay:
    """All links of the process, by name."""

    def __init__(self) -> None:
        self._links: dict[str, RelayedLink] = {}

    def handlers(self) -> dict[str, Handler]:
        operations = (self.open, self.beside, self.target, self.set, self.counters, self.close)
        return {f"link.{operation.__name__}": operation for operation in operations}

    async def open(self, name: str, listen: list[str], target_host: str, target_port: int, port: int = 0) -> dict[str, Any]:
        """Listen on all the addresses with one ``port`` (0: any free one), which the answer says."""
        if name in self._links:
            raise OperationFailed(f"link {name} is open already")
        try:
            self._links[name] = RelayedLink(listen, port, (target_host, target_port))
        except OSError as error:
            raise OperationFailed(f"cannot listen on {', '.join(listen)} port {port}: {error.strerror}") from None
        return {"port": self._links[name].port}

    async def beside(self, name: str, beside: str, source: str, target_host: str, target_port: int) -> None:
        """A link for connections to the link ``beside`` that come from the address ``source``."""
        if name in self._links:
            raise OperationFailed(f"link {name} is open already")
        self._links[name] = self._link(beside).beside[source] = RelayedLink([], 0, (target_host, target_port))

    async def target(self, name: str, host: str, port: int) -> None:
        """Where connections go from now on."""
        self._link(name).target = (host, port)

    async def set(self, name: str, mode: str, direction: str = "both", delay: float = 0.0) -> None:
        await self._link(name).set(mode, direction, delay)

    async def counters(self, name: str) -> dict[str, int]:
        return self._link(name).counters()

    async def close(self, name: str) -> None:
        """A link that is not open is no error: whoever tears down may do so twice."""
        if link := self._links.pop(name, None):
            for other in self._links.values():
                other.beside = {source: guest for source, guest in other.beside.items() if guest is not link}
            await link.close()

    async def close_all(self) -> None:
        for name in list(self._links):
            await self.close(name)

    def _link(self, name: str) -> RelayedLink:
        if name not in self._links:
            raise OperationFailed(f"link {name} is not open")
        return self._links[name]


def _stream_socket() -> socket.socket:
    stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    stream.setblocking(False)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def _bound(address: str, port: int) -> socket.socket:
    listener = _stream_socket()  # accepted sockets inherit TCP_NODELAY
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError:
        listener.close()
        raise
    return listener


def _reset(stream: socket.socket) -> None:
    """Close with RST instead of FIN. One that is closed stays closed."""
    if stream.fileno() >= 0:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
        stream.close()


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
