"""How the parts of a streams system are had for one scenario: the database, the suite's own parts, the programs of the target."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from support.outcomes import BadInput
from support.scene.scene import Scene
from support.systems.streams.fleet import SimulatedWorker, WorkerProgram
from support.systems.streams.orchestrator import Orchestrator
from support.target import Program, SystemTarget
from support.testbed.interface import HOST, Link, Node, NodeSpec

ORCHESTRATOR = "orchestrator"
WORKER = "worker"
LISTEN = "{listen}:{port:http}"


class Starter:
    """Lays out and starts nodes; registers at the scene whatever must be removed again."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.session = scene.session
        self.target: SystemTarget = self.session.target.system("streams")
        self.testbed = self.session.testbed
        self._dsn = self.target.database  # of a running system; a started one gets a database of its own

    def has(self, capability: str) -> bool:
        """Whether the system has a capability of the contract."""
        return capability not in self.target.lacks

    # --- the suite's parts ---

    @cached_property
    def call(self) -> Callable[..., Any]:
        """An operation of this scene's observer, the scope already given."""
        scope, observer = self._scope, self.session.observer

        def call(op: str, **args: Any) -> Any:
            return observer.call(op, scope=scope, **args)

        self._urls  # noqa: B018 - opens the scope
        return call

    @property
    def _scope(self) -> str:
        return "deployed" if self.target.suite_listen else self.scene.directory.name

    @cached_property
    def _urls(self) -> dict[str, str]:
        """Listen address → base URL of this scene's part of the observer."""
        observer, scope = self.session.observer, self._scope
        opened = observer.call("open", scope=scope, directory=str(self.scene.directory))
        self.scene.cleanup(lambda: observer.call("close", scope=scope))
        urls: dict[str, str] = opened["urls"]
        return urls

    def suite_url(self, path: str, viewer: str | Node = HOST) -> str:
        """The URL of one of the suite's own parts (catalogue, clock), as ``viewer`` reaches it."""
        host = self.testbed.host_address(viewer)
        return f"{self._urls[host]}/{path}"

    def listen_address(self, viewer: str | Node = HOST) -> str:
        return self.testbed.host_address(viewer)

    # --- the system's programs ---

    def orchestrator(self) -> Orchestrator:
        """Started, not yet ready; or the running one that the target names."""
        program = self.target.program(ORCHESTRATOR)
        self.call  # noqa: B018 - the catalogue must be there before the orchestrator
        if program.url:
            return Orchestrator(program.url, None)
        node = self._laid_out(ORCHESTRATOR, program)
        database = self.session.lease("postgres", seen_from=node)
        self.scene.cleanup(database.release)
        self._dsn = database.host_dsn
        node.configure({
            "STREAMS_DATABASE_URL": database.dsn,
            "STREAMS_CATALOGUE_URL": self.suite_url("catalogue", node),
            **self._clock(node),
        }, secrets=database.secrets)
        node.start()
        return Orchestrator(f"http://{node.address('http')}", node)

    def _laid_out(self, name: str, program: Program) -> Node:
        """A node for one of the target's programs; removed with the scene."""
        node = self.testbed.node(NodeSpec(
            name=name,
            command=program.command or (),
            image=program.image,
            ports=["http"],
            env={**program.env, "STREAMS_LISTEN": LISTEN},
        ))
        self.scene.cleanup(node.remove)
        return node

    def _clock(self, node: Node) -> dict[str, str]:
        return {"STREAMS_CLOCK_URL": self.suite_url("clock", node)} if self.has("clock") else {}

    def watch(self, orchestrator: Orchestrator) -> None:
        """Have the state recorded from now on: through the API, and through the views where there are any."""
        self.call("streams.watch_api", url=orchestrator.url)
        if self._dsn and self.has("views"):
            self.call("streams.watch_database", dsn=self._dsn)

    def worker(self, name: str, capacity: int, orchestrator: Orchestrator) -> WorkerProgram:
        """A worker program, laid out with its two links, not started."""
        node = self._laid_out(f"worker-{name}", self.target.program(WORKER))
        there = self._link(node.name, orchestrator)
        back = self.testbed.link(ORCHESTRATOR, node, "http")
        self.scene.cleanup(back.close)
        node.configure({
            "STREAMS_ORCHESTRATOR_URL": f"http://{there.address(seen_from=node)}",
            "STREAMS_INSTANCE_ID": name,
            "STREAMS_CAPACITY": str(capacity),
            "STREAMS_ADVERTISE_URL": f"http://{back.address(seen_from=orchestrator.node or HOST)}",
            **self._clock(node),
        })
        return WorkerProgram(name, capacity, node, there, back)

    def _link(self, viewer: str, orchestrator: Orchestrator) -> Link:
        if orchestrator.node is None:
            raise BadInput("links to an orchestrator that runs outside of the suite are not there yet")
        link = self.testbed.link(viewer, orchestrator.node, "http")
        self.scene.cleanup(link.close)
        return link

    def simulated(self, name: str, capacity: int, orchestrator: Orchestrator) -> SimulatedWorker:
        listen = self.listen_address(orchestrator.node or HOST)
        return SimulatedWorker(name, capacity, orchestrator.url, self.call, listen)
