"""What a testbed is: the primitives by which every cluster, system and fault is had, whatever it runs on.

``processes``, ``containers`` and ``deployed`` implement this and nothing else; nobody above asks which one it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

HOST = "host"        # the viewer "this machine": behave, observers, relays
OUTSIDE = "outside"  # the viewer "whatever runs already, wherever it does": a program that the testbed has not started


@dataclass(frozen=True)
class Address:
    """Where a port of a node is reached, for one viewer."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class NodeSpec:
    """How a node is started: the same command line whether it becomes a process or a container.

    ``command`` may hold ``{port:NAME}`` (the port that the node itself must bind), ``{listen}`` (the address that it must
    bind: loopback for a process, every interface for a container), ``{source}`` (an address of its own that it may bind its
    outgoing connections to, so that links tell it from other viewers) and ``{data}`` (a directory of its own that
    survives ``restart``); so may the values of ``env`` and the contents of ``files`` (relative to ``{data}``).
    ``image`` is needed on containers only; ``binaries`` is asked on processes only: it answers with the directory of the
    node's programs, which then comes first in PATH, or raises BadInput.
    ``secrets`` are values that must never be shown: they are scrubbed from every log that is collected.
    ``memory_mb`` is a hard cap.
    """

    name: str
    command: Sequence[str]
    ports: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    binaries: Callable[[], Path] | None = None
    user: str | None = None  # "unprivileged": never root, e.g. PostgreSQL
    secrets: Sequence[str] = ()
    memory_mb: int | None = None


@dataclass(frozen=True)
class Completed:
    """What a command run inside a node came to."""

    code: int
    stdout: str
    stderr: str


class Node(ABC):
    """One server process or container. After ``kill`` or ``stop`` it can be started again at the same addresses."""

    spec: NodeSpec
    source: str  # what ``{source}`` stands for; a container's connections come from there anyway

    @property
    def name(self) -> str:
        return self.spec.name

    def configure(self, env: Mapping[str, str], secrets: Sequence[str] = ()) -> None:
        """Add environment that could be known only once the node was laid out (addresses of links, of a database). Before the first start."""
        self.spec = replace(self.spec, env={**self.spec.env, **env}, secrets=(*self.spec.secrets, *secrets))

    @abstractmethod
    def address(self, port: str, seen_from: str | Node = HOST) -> Address:
        """Where ``port`` is reached directly (no link). Does not change over restarts. Works on a frozen or dead node, too."""

    @abstractmethod
    def alive(self) -> bool:
        """Whether its main process exists and has not ended (a frozen one is alive)."""

    @abstractmethod
    def exit_code(self) -> int | None: ...

    @abstractmethod
    def start(self) -> None:
        """Start it (again), with its data as it was left. Returns at once; readiness is the business of whoever knows the protocol."""

    @abstractmethod
    def stop(self, grace: float = 10.0) -> int | None:
        """SIGTERM, then SIGKILL after ``grace`` seconds. Returns the exit code."""

    @abstractmethod
    def kill(self) -> None:
        """SIGKILL to everything that the node consists of."""

    @abstractmethod
    def signal(self, number: int) -> None: ...

    @abstractmethod
    def freeze(self) -> None:
        """Stop it from running (SIGSTOP / pause) without ending a connection."""

    @abstractmethod
    def thaw(self) -> None: ...

    @abstractmethod
    def run(self, command: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Completed:
        """Run a program inside: same binaries, same files, same network, same user."""

    @abstractmethod
    def put(self, path: str, content: str) -> None:
        """Write a file (``path`` relative to ``{data}``)."""

    @abstractmethod
    def log(self) -> str:
        """Everything it wrote to stdout and stderr in all its lives, secrets scrubbed."""

    @abstractmethod
    def remove(self) -> None:
        """End it whatever its state, and delete what it left (data, container, volume). Can be called twice."""


class LinkMode(StrEnum):
    """What a link does with traffic. Set for both directions or, where it makes sense, for one."""

    OPEN = "open"
    REFUSE = "refuse"    # new connections are refused, standing ones end
    RESET = "reset"      # every connection ends with RST, now and when opened
    SILENT = "silent"    # connections are accepted and stay, nothing is passed on
    DELAY = "delay"      # every chunk is passed on `delay` seconds later


class Direction(StrEnum):
    BOTH = "both"
    THERE = "there"      # viewer → node
    BACK = "back"        # node → viewer


@dataclass(frozen=True)
class LinkCounters:
    """What a link did since it was opened."""

    connections: int = 0     # accepted and connected through
    refused: int = 0         # standing connections that REFUSE ended; attempts that the kernel refuses cannot be counted
    reset: int = 0
    silenced_bytes: int = 0  # received and not passed on (yet); the begin and the end of a connection count as one
    delayed_bytes: int = 0
    bytes_there: int = 0
    bytes_back: int = 0

    @property
    def affected(self) -> int:
        """Connections refused or reset, and chunks held back: > 0 is the proof that a cut was met by traffic."""
        return self.refused + self.reset + self.silenced_bytes + self.delayed_bytes


class Link(ABC):
    """A relayed connection viewer → (node, port): a stable address that the node may advertise."""

    name: str

    @abstractmethod
    def address(self, seen_from: str | Node = HOST) -> Address:
        """Where the viewer connects to. Known before the node is started; unchanged by restarts of either."""

    @abstractmethod
    def set(self, mode: LinkMode, *, direction: Direction = Direction.BOTH, delay: float = 0.0) -> None:
        """Takes effect before it returns. REFUSE and RESET end standing connections; OPEN lets held bytes of a SILENT link flow on."""

    @abstractmethod
    def counters(self) -> LinkCounters: ...

    @abstractmethod
    def close(self) -> None: ...


class Testbed(ABC):
    """Where things run. Close it in any case (it is a context manager); it leaves nothing behind."""

    __test__ = False  # not a pytest class

    name: str
    reason: str                     # why this one was chosen, for the first line of a run
    capabilities: frozenset[str]    # of "start", "kill", "stop", "restart", "freeze", "signal", "run", "link"
    outside: str | None = None      # the address under which OUTSIDE reaches this machine, where anything runs there

    @abstractmethod
    def node(self, spec: NodeSpec) -> Node:
        """Lay out a node (directories, ports, addresses known) without starting it."""

    @abstractmethod
    def link(self, viewer: str | Node, node: Node | Address, port: str, beside: Link | None = None) -> Link:
        """Open a link for ``viewer`` (a node, its name or HOST) to ``port`` of ``node``, which need not run yet, or to the
        address of a program that runs outside (``port`` is then only a name).

        ``beside`` another link to the same port it shares that one's address, for nodes that advertise a single address to everybody: what comes
        from the viewer's ``source`` takes this link, everything else the other one. ``viewer`` must be a node then. REFUSE is a RESET on such links.
        """

    @abstractmethod
    def host_address(self, seen_from: str | Node = HOST) -> str:
        """The address under which a node (or the host) reaches what listens on this machine (stream source, relays)."""

    @abstractmethod
    def listen_addresses(self) -> list[str]:
        """The addresses that the suite's own servers must bind so that every node reaches them."""

    @abstractmethod
    def close(self) -> None: ...

    def __enter__(self) -> Testbed:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
