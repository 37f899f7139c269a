"""Where a scenario of a streams system is played: a scope of the observer, an orchestrator with a database of its own, the workers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from support.clusters.postgres import Database
from support.deadline import until
from support.outcomes import CouldNotJudge
from support.scene.session import Session
from support.systems.streams.fleet import SimulatedWorker, WorkerProgram
from support.systems.streams.orchestrator import Orchestrator
from support.target import Program, SystemTarget
from support.testbed.interface import HOST, OUTSIDE, Node, NodeSpec

SYSTEM = "streams"
ORCHESTRATOR = "orchestrator"
WORKER = "worker"
LISTEN = "{listen}:{port:http}"
EMPTY_WITHIN = 30.0  # seconds that a running system gets to be without instances before a scenario begins

_numbers = itertools.count(1)


class Site:
    """Each of its parts is made when it is first asked for, and gone with ``close``. What the observer sees is recorded in ``directory``."""

    def __init__(self, session: Session, directory: Path) -> None:
        self.session = session
        self.directory = directory
        self.testbed = session.testbed
        self.target: SystemTarget = session.target.system(SYSTEM)
        self._scope = "deployed" if self.target.suite_listen else f"site-{next(_numbers)}"
        self._orchestrator: Orchestrator | None = None
        self._database: Database | None = None
        self._instances: set[str] = set()  # that were started here
        self._closing = ExitStack()
        self._closing.callback(self._release)  # last, when nobody is connected any more

    @classmethod
    def take(cls, session: Session, directory: Path) -> Site:
        """The one that was started ahead, moved to ``directory``; else a new one."""
        site: Site | None = session.ahead.pop(SYSTEM, None)
        if site is None:
            return cls(session, directory)
        site.call("move", directory=str(directory))
        site.directory = directory
        return site

    def start_next(self) -> None:
        """Start an orchestrator for the scenario that this process is given next, if any.

        Not where it would then take over that scenario's catalogue at times of its own only.
        """
        if self.session.more and SYSTEM not in self.session.ahead and not self.runs_already and self.has("refresh"):
            with ExitStack() as unless_started, suppress(Exception):  # it is that scenario that shall fail of it, when it starts its own
                site = Site(self.session, self.session.anteroom())
                unless_started.callback(site.close)
                site.set_catalogue([])
                site.orchestrator  # noqa: B018 - starts it
                self.session.ahead[SYSTEM] = site
                unless_started.pop_all()

    def close(self) -> None:
        """End everything that is here. Can be called twice."""
        self._closing.close()

    def has(self, capability: str) -> bool:
        """Whether the system has a capability of the contract, for us: the clock of a running one is not ours to turn."""
        out_of_reach = {"clock"} | ({"views"} if not self.target.database else set()) if self.runs_already else set()
        return capability not in self.target.lacks | out_of_reach

    @property
    def runs_already(self) -> bool:
        return self.target.program(ORCHESTRATOR).runs_already

    # --- the suite's parts ---

    def call(self, op: str, **args: Any) -> Any:
        """An operation of the observer on this scope."""
        self._urls  # noqa: B018 - opens it
        return self.session.observer.call(op, scope=self._scope, **args)

    @cached_property
    def _urls(self) -> dict[str, str]:
        """Listen address → base URL of this scope."""
        observer = self.session.observer
        opened = observer.call("open", scope=self._scope, directory=str(self.directory))
        self._closing.callback(observer.call, "close", scope=self._scope)
        urls: dict[str, str] = opened["urls"]
        return urls

    def look(self) -> dict[str, Any]:
        """Have a fresh state recorded now; by observer (``database``, ``api``), as it was recorded."""
        seen: dict[str, Any] = self.call("streams.look")
        return seen

    def suite_url(self, path: str, viewer: str | Node = HOST) -> str:
        """The URL of one of the suite's own parts (catalogue, clock), as ``viewer`` reaches it."""
        return f"{self._urls[self.testbed.host_address(viewer)]}/{path}"

    def listen_address(self, orchestrator: Orchestrator) -> str:
        """Which of the observer's addresses an orchestrator reaches."""
        return self.target.suite_listen or self.testbed.host_address(orchestrator.node or HOST)

    def set_catalogue(self, streams: Sequence[str]) -> None:
        """Let these be the streams, under a version that a running system has not seen."""
        above = int(self.orchestrator.state()["catalogue_version"] or 0) if self.runs_already else 0
        self.call("streams.set_catalogue", streams=list(streams), above=above)

    # --- the system's programs ---

    @property
    def orchestrator(self) -> Orchestrator:
        """Started, perhaps not ready yet; or the running one that the target names."""
        if self._orchestrator is None:
            url = self.target.program(ORCHESTRATOR).url
            self._orchestrator = self._started() if url is None else self._running(url)
        return self._orchestrator

    def logs(self) -> dict[str, str]:
        """What the orchestrator wrote, if it was started here."""
        node = self._orchestrator.node if self._orchestrator else None
        return {node.name: node.log()} if node else {}

    def _started(self) -> Orchestrator:
        self._urls  # noqa: B018 - its catalogue must be there before it
        node = self._laid_out(ORCHESTRATOR, self.target.program(ORCHESTRATOR))
        self._database = self.session.lease("postgres", seen_from=node)
        node.configure({
            "STREAMS_DATABASE_URL": self._database.dsn,
            "STREAMS_CATALOGUE_URL": self.suite_url("catalogue", node),
            **self._clock(node),
        }, secrets=self._database.secrets)
        node.start()
        orchestrator = Orchestrator(f"http://{node.address('http')}", node)
        self._closing.callback(orchestrator.close)
        return orchestrator

    def _running(self, url: str) -> Orchestrator:
        """The one that runs already, when it is as empty as if it had just been started."""
        self._urls  # noqa: B018 - it may need the catalogue to be ready
        orchestrator = Orchestrator(url, None)
        self._closing.callback(orchestrator.close)
        orchestrator.wait_ready()
        instances: list[str] = []

        def empty() -> bool:
            instances[:] = [i["instance_id"] for i in orchestrator.state()["instances"] if i["status"] == "active"]
            return not instances

        if not until(empty, within=EMPTY_WITHIN, every=0.1):
            raise CouldNotJudge(f"the running system has instances that are not the suite's: {', '.join(instances)}")
        self._closing.callback(self._leave_empty, orchestrator)
        return orchestrator

    def _leave_empty(self, orchestrator: Orchestrator) -> None:
        """Take our instances and streams out of a running system."""
        self.call("streams.leave_all")  # one that is merely dismissed registers again
        for name in sorted(self._instances):
            orchestrator.dismiss(name)
        self.set_catalogue([])
        self.acknowledge([])

    def _release(self) -> None:
        if self._database:
            self._database.release()

    def acknowledge(self, streams: Sequence[str]) -> int:
        """Have the orchestrator take over the catalogue, which is these streams; its version."""
        return self.orchestrator.refresh_catalogue() if self.has("refresh") else self.orchestrator.wait_known(streams)

    def _laid_out(self, name: str, program: Program) -> Node:
        """A node for one of the target's programs; removed with the scene."""
        node = self.testbed.node(NodeSpec(
            name=name,
            command=program.command or (),
            image=program.image,
            ports=["http"],
            env={**program.env, "STREAMS_LISTEN": LISTEN},
        ))
        self._closing.callback(node.remove)
        return node

    def _clock(self, node: Node) -> dict[str, str]:
        return {"STREAMS_CLOCK_URL": self.suite_url("clock", node)} if self.has("clock") else {}

    def watch(self) -> None:
        """Have the state recorded from now on: through the API, and through the views where there are any."""
        self.call("streams.watch_api", url=self.orchestrator.url)
        dsn = self._database.host_dsn if self._database else self.target.database
        if dsn and self.has("views"):
            self.call("streams.watch_database", dsn=dsn)

    def worker(self, name: str, capacity: int) -> WorkerProgram:
        """A worker program, laid out with its two links, not started."""
        self._instances.add(name)
        orchestrator = self.orchestrator
        node = self._laid_out(f"worker-{name}", self.target.program(WORKER))
        there = self.testbed.link(node.name, orchestrator.node or orchestrator.port, "http")
        self._closing.callback(there.close)
        back = self.testbed.link(ORCHESTRATOR, node, "http")
        self._closing.callback(back.close)
        node.configure({
            "STREAMS_ORCHESTRATOR_URL": orchestrator.url_over(there.address(seen_from=node)),
            "STREAMS_INSTANCE_ID": name,
            "STREAMS_CAPACITY": str(capacity),
            "STREAMS_ADVERTISE_URL": f"http://{back.address(seen_from=orchestrator.node or OUTSIDE)}",
            **self._clock(node),
        })
        return WorkerProgram(name, capacity, node, there, back)

    def simulated(self, name: str, capacity: int) -> SimulatedWorker:
        self._instances.add(name)
        return SimulatedWorker(name, capacity, self.orchestrator.url, self.call, self.listen_address(self.orchestrator))
