"""How the parts of a streams system are had for one scenario: the database, the suite's own parts, the programs of the target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from support.deadline import until
from support.outcomes import CouldNotJudge
from support.scene.scene import Scene
from support.systems.streams.fleet import SimulatedWorker, WorkerProgram
from support.systems.streams.orchestrator import Orchestrator
from support.target import Program, SystemTarget
from support.testbed.interface import HOST, OUTSIDE, Node, NodeSpec

ORCHESTRATOR = "orchestrator"
WORKER = "worker"
LISTEN = "{listen}:{port:http}"
EMPTY_WITHIN = 30.0  # seconds that a running system gets to be without instances before a scenario begins


class Starter:
    """Lays out and starts nodes; registers at the scene whatever must be removed again."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.session = scene.session
        self.target: SystemTarget = self.session.target.system("streams")
        self.testbed = self.session.testbed
        self._dsn = self.target.database  # of a running system; a started one gets a database of its own
        self._instances: set[str] = set()  # that were started here

    def has(self, capability: str) -> bool:
        """Whether the system has a capability of the contract, for us: the clock of a running one is not ours to turn."""
        out_of_reach = {"clock"} | ({"views"} if not self.target.database else set()) if self.runs_already else set()
        return capability not in self.target.lacks | out_of_reach

    @property
    def runs_already(self) -> bool:
        return self.target.program(ORCHESTRATOR).runs_already

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

    def listen_address(self, orchestrator: Orchestrator) -> str:
        """Which of the observer's addresses an orchestrator reaches."""
        return self.target.suite_listen or self.testbed.host_address(orchestrator.node or HOST)

    # --- the system's programs ---

    def orchestrator(self) -> Orchestrator:
        """Started, not yet ready; or the running one that the target names."""
        if self.running:
            return self.running
        program = self.target.program(ORCHESTRATOR)
        self.call  # noqa: B018 - the catalogue must be there before the orchestrator
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

    @cached_property
    def running(self) -> Orchestrator | None:
        """The orchestrator that runs already, as empty as if it had just been started; None where the suite starts one."""
        url = self.target.program(ORCHESTRATOR).url
        if url is None:
            return None
        orchestrator = Orchestrator(url, None)
        self.call  # noqa: B018 - it may need the catalogue to be ready
        orchestrator.wait_ready()
        instances: list[str] = []

        def empty() -> bool:
            instances[:] = [i["instance_id"] for i in orchestrator.state()["instances"] if i["status"] == "active"]
            return not instances

        if not until(empty, within=EMPTY_WITHIN, every=0.1):
            raise CouldNotJudge(f"the running system has instances that are not the suite's: {', '.join(instances)}")
        self.scene.cleanup(lambda: self._leave_empty(orchestrator))
        return orchestrator

    def _leave_empty(self, orchestrator: Orchestrator) -> None:
        """Take our instances and streams out of a running system."""
        for name in sorted(self._instances):
            orchestrator.dismiss(name)
        self.set_catalogue([])
        self.acknowledge(orchestrator, [])

    def acknowledge(self, orchestrator: Orchestrator, streams: Sequence[str]) -> int:
        """Have the orchestrator take over the catalogue, which is these streams; its version."""
        return orchestrator.refresh_catalogue() if self.has("refresh") else orchestrator.wait_known(streams)

    def set_catalogue(self, streams: Sequence[str]) -> None:
        """Let these be the streams, under a version that a running system has not seen."""
        above = int(self.running.state()["catalogue_version"] or 0) if self.running else 0
        self.call("streams.set_catalogue", streams=list(streams), above=above)

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
        self._instances.add(name)
        node = self._laid_out(f"worker-{name}", self.target.program(WORKER))
        there = self.testbed.link(node.name, orchestrator.node or orchestrator.port, "http")
        self.scene.cleanup(there.close)
        back = self.testbed.link(ORCHESTRATOR, node, "http")
        self.scene.cleanup(back.close)
        node.configure({
            "STREAMS_ORCHESTRATOR_URL": orchestrator.url_over(there.address(seen_from=node)),
            "STREAMS_INSTANCE_ID": name,
            "STREAMS_CAPACITY": str(capacity),
            "STREAMS_ADVERTISE_URL": f"http://{back.address(seen_from=orchestrator.node or OUTSIDE)}",
            **self._clock(node),
        })
        return WorkerProgram(name, capacity, node, there, back)

    def simulated(self, name: str, capacity: int, orchestrator: Orchestrator) -> SimulatedWorker:
        self._instances.add(name)
        return SimulatedWorker(name, capacity, orchestrator.url, self.call, self.listen_address(orchestrator))
