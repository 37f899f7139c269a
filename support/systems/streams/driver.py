"""How steps talk to a streams system: the catalogue, the orchestrator, the fleet, and the promises it is held to."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from support.deadline import until
from support.evidence.check import Check
from support.evidence.history import SECOND
from support.evidence.verdict import Verdict
from support.evidence.wording import sentence
from support.faults.kinds import CutOff, Killed
from support.faults.ledger import Fault, Injected, Subject
from support.outcomes import BadInput, CouldNotJudge
from support.scene.scene import Scene
from support.systems.streams import promised
from support.systems.streams.changing import ChangingFleet
from support.systems.streams.checks import NothingMoves, Queued, Settled, TakenOver
from support.systems.streams.fleet import SimulatedWorker, Worker
from support.systems.streams.orchestrator import Orchestrator
from support.systems.streams.roles import Role, parse_role
from support.systems.streams.site import Site
from support.systems.streams.timeline import state

SETTLES_WITHIN = 60.0   # criteria.md: "Where a rule states no time, the fleet has 60 s to settle."
CHECK_INTERVAL = 5.0    # contract: STREAMS_CHECK_INTERVAL_SECONDS
HELD_BACK = 1.0         # s; long enough that a system which hands over too early is seen to do so


@dataclass(frozen=True)
class Stimulus:
    """The thing that was done: from when on its consequences are measured, and who owned what just before."""

    t: int
    owners: dict[str, str] = field(default_factory=dict)

    def streams_of(self, *instances: str) -> dict[str, str]:
        return {stream: owner for stream, owner in self.owners.items() if owner in instances}


def open_system(scene: Scene) -> Streams:
    """The driver of one scenario; nothing of the system is started before a step needs it."""
    return Streams(scene)


class Streams:
    """The system under judgement, for one scenario."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.site = Site.take(scene.session, scene.directory)
        scene.cleanup(self.site.close)
        self.workers: dict[str, Worker] = {}
        self.stimulus = Stimulus(time.monotonic_ns())
        self.names: list[str] = []  # the streams of the catalogue
        self.serving = False
        self._named = 0

    # --- the catalogue ---

    def publish(self, streams: Sequence[str]) -> None:
        """Let the catalogue be exactly these streams, and wait for the system's acknowledgement if it runs."""
        self._set_catalogue(streams)
        if self.serving:
            self._acknowledge()

    def grow_to(self, streams: int) -> None:
        self.publish(self._grown(max(0, streams - len(self.names))))

    def remove(self, streams: Iterable[str]) -> None:
        gone = set(streams)
        self.publish([name for name in self.names if name not in gone])

    def _set_catalogue(self, streams: Sequence[str]) -> None:
        self.names = list(streams)
        self.site.set_catalogue(self.names)

    def _grown(self, streams: int) -> list[str]:
        """The catalogue with so many more streams, of names that were never used."""
        first = self._named + 1
        self._named += streams
        return [*self.names, *(f"s{number:03d}" for number in range(first, self._named + 1))]

    def _acknowledge(self) -> None:
        version = self.site.acknowledge(self.names)
        self.scene.segment.record("change-acknowledged", version=version)

    # --- the orchestrator ---

    @property
    def orchestrator(self) -> Orchestrator:
        """The orchestrator, started the first time that it is asked for; it may not be ready yet."""
        with self.scene.spending("services"):
            return self.site.orchestrator

    def serve(self) -> None:
        """Wait until the orchestrator serves and has the catalogue; from then on its state is recorded."""
        if not self.serving:
            orchestrator = self.orchestrator
            with self.scene.spending("services"):
                orchestrator.wait_ready()
            self._acknowledge()
            self.site.watch()
            self.serving = True

    def restart_orchestrator(self) -> None:
        """Start it again after it was killed, with the same database."""
        orchestrator = self.orchestrator
        if orchestrator.node is None:
            raise BadInput("the orchestrator runs outside of the suite: it cannot be started from here")
        orchestrator.node.start()
        orchestrator.wait_ready()
        self.scene.segment.record("orchestrator-restarted")

    # --- the fleet ---

    def share(self, room: dict[str, int], *, simulated: bool = False) -> None:
        """Workers with this much room share the streams: the state that scenarios begin with."""
        if simulated:  # their registrations want an answer
            self.serve()
        self.enlist(room, simulated=simulated)
        self.serve()
        self.settle()
        if room and self.site.has("rebalance"):  # what it still had in mind must not be taken for a consequence of what follows
            self.orchestrator.rebalance()
            self.settle()

    def join(self, room: dict[str, int], *, simulated: bool = False) -> None:
        """New workers join: a stimulus."""
        self.serve()  # its start is not part of what is measured
        self.begin()
        self.enlist(room, simulated=simulated)

    def enlist(self, room: dict[str, int], *, simulated: bool = False) -> None:
        """Start workers, side by side; programs register when they are ready, simulated ones at the same moment."""
        if here := sorted(room.keys() & self.workers.keys()):
            raise BadInput(f'worker "{here[0]}" is already there')
        make = self.site.simulated if simulated else self.site.worker
        started: list[Worker] = [make(name, capacity) for name, capacity in room.items()]
        for worker in started:
            self.workers[worker.name] = worker
            self.scene.segment.record("instance-started", instance=worker.name, capacity=worker.capacity)
        if simulated:
            with ThreadPoolExecutor(len(started) or 1) as pool:
                list(pool.map(lambda worker: worker.start(), started))
        else:
            for worker in started:
                worker.start()

    def worker(self, name: str) -> Worker:
        if name not in self.workers:
            raise BadInput(f'there is no worker "{name}" in this scenario: {", ".join(self.workers) or "none was started"}')
        return self.workers[name]

    def simulated(self, name: str) -> SimulatedWorker:
        worker = self.worker(name)
        if not isinstance(worker, SimulatedWorker):
            raise BadInput(f'worker "{name}" is a program: only a simulated one does this on command')
        return worker

    # --- what is done to it ---

    def role(self, words: str) -> Role:
        return parse_role(words)

    def subjects(self, role: Role) -> tuple[Subject, ...]:
        """What faults are done to when a sentence says this role."""
        if role.names:
            return tuple(self.worker(name).subject() for name in role.names)
        links = tuple(link for worker in self.workers.values() for link in worker.subject().peers)
        return (Subject("the orchestrator", self.orchestrator.node, self.orchestrator.port, links),)

    def inject(self, fault: Fault, role: Role) -> Injected:
        """A fault as a stimulus. What the scenario held back goes on once the fault has bitten."""
        subjects = self.subjects(role)
        before = self.begin()
        entry = self.scene.faults.inject(fault, *subjects)
        self.stimulus = Stimulus(entry.called, before.owners)
        self.observe("streams.hold_stops", hold=False)
        return entry

    def inject_for(self, fault: Fault, role: Role, seconds: float) -> None:
        """A fault that is healed after so many seconds from its call."""
        entry = self.inject(fault, role)
        self.scene.last(entry.called, seconds)
        self.scene.faults.heal(entry)

    def come_back(self, role: Role) -> None:
        """What keeps these from the others is undone, as a stimulus. BadInput: nothing is."""
        names = [subject.name for subject in self.subjects(role)]
        entries = self.scene.faults.on(names)
        if not entries:
            raise BadInput(f"nothing keeps {role.words} away: it cannot come back")
        self.begin()
        for entry in entries:
            self.scene.faults.heal(entry)

    def crash_and_restart(self) -> None:
        """The orchestrator is killed and started again at once, with the same database."""
        self.inject(Killed(), self.role("the orchestrator"))
        self.restart_orchestrator()

    def bounce(self, role: Role) -> None:
        """Workers are killed and started again at once, under their names."""
        entry = self.inject(Killed(), role)
        for name in role.names:
            self.observe("streams.reader_died", reader=name)  # a read that it had just finished would else go on with its successor's
            self.worker(name).start()
        self.scene.faults.heal(entry)

    def kill_while_orchestrator_is_away(self, role: Role) -> None:
        """Workers are killed while there is no orchestrator that could notice; it comes back with the same database."""
        self.inject(Killed(), self.role("the orchestrator"))
        self.inject(Killed(), role)
        self.restart_orchestrator()

    def lose(self, role: Role) -> None:
        """Workers are killed, and what they had is queued: a state to begin with."""
        entry = self.inject(Killed(), role)
        lost = len(self.stimulus.streams_of(*role.names))
        self.scene.require(Queued(lost, entry.called, SETTLES_WITHIN))

    def lose_contact(self, role: Role) -> None:
        """Workers are cut off, and others read what they had: a state to begin with."""
        entry = self.inject(CutOff(), role)
        self.scene.require(TakenOver(self.stimulus.streams_of(*role.names), entry.called, SETTLES_WITHIN))

    def join_and_hold(self, room: dict[str, int]) -> None:
        """Workers join, and the source holds back the old owners' stops: a rebalance is under way until the next fault."""
        self.observe("streams.hold_stops", hold=True)
        self.join(room)
        if not until(lambda: self.observe("streams.waiting_stops"), within=SETTLES_WITHIN):
            raise CouldNotJudge("no rebalance began: no worker was asked to give up a stream")
        self.scene.last(time.monotonic_ns(), HELD_BACK)

    def register_again(self, role: Role, *, capacity: int | None = None, times: int = 1) -> None:
        self.begin()
        for name in role.names:
            self.simulated(name).register_again(capacity=capacity, times=times)

    def add_quietly(self, streams: int) -> None:
        """The catalogue grows; whoever wants to know has to look. A check of the system's passes where its clock can be turned."""
        self.begin()
        self._set_catalogue(self._grown(streams))
        self.let_a_check_pass()

    def add(self, streams: int) -> None:
        """The catalogue grows, and the system is told so while what the scenario holds back is still held back."""
        self.begin()
        self._set_catalogue(self._grown(streams))
        with ThreadPoolExecutor(1) as pool:  # the acknowledgement may have to wait for what is under way
            acknowledged = pool.submit(self._acknowledge)
            self.scene.last(time.monotonic_ns(), HELD_BACK / 2)
            self.observe("streams.hold_stops", hold=False)
            acknowledged.result()

    def remove_of(self, role: Role, streams: int) -> None:
        """Take streams of these instances out of the catalogue: their loads change, the membership does not."""
        theirs = sorted(self.begin().streams_of(*role.names))
        if len(theirs) < streams:
            raise CouldNotJudge(f"{role.words} has only {len(theirs)} streams, {streams} were to be removed")
        self.remove(theirs[:streams])

    def remove_while_cut_off(self, role: Role, streams: int, seconds: float) -> None:
        """Streams leave the catalogue while their worker is away; healed so many seconds after it was cut off."""
        entry = self.inject(CutOff(), role)
        self.remove_of(role, streams)
        self.scene.last(entry.called, seconds)
        self.scene.faults.heal(entry)

    def dismiss(self, name: str) -> None:
        """A worker leaves in good order and is forgotten."""
        worker = self.workers.pop(name)
        worker.leave()
        worker.remove()

    def prepare_changes(self, *, simulated: bool) -> None:
        self.serve()
        self.changing = ChangingFleet(self, simulated=simulated)
        self.changing.reset()

    def change_at_random(self, changes: int) -> None:
        self.begin()
        self.changing.change_at_random(self.scene.random, changes, SETTLES_WITHIN)

    def explain_changes(self, verdict: Verdict) -> str:
        """The verdict in words, with the shortest sequence that was found to fail."""
        shortest = " ".join(str(change) for change in self.changing.shortest)
        return sentence(verdict) + (f"; shortest failing sequence: {shortest} (seed {self.scene.session.seed})" if shortest else "")

    # --- observing and judging ---

    def begin(self) -> Stimulus:
        """Mark the moment from which consequences are measured."""
        now = state(self.scene.history())
        owners = {stream: owner for stream, owner in now.owners if owner is not None} if now else {}
        self.stimulus = Stimulus(time.monotonic_ns(), owners)
        self.scene.meanwhile(self.site.start_next)
        return self.stimulus

    def settle(self) -> None:
        """Wait until the fleet is at rest; without that nothing can be judged."""
        since = time.monotonic_ns()
        self.look()
        self.scene.require(Settled(since, SETTLES_WITHIN, list(self.workers)))

    def observe(self, op: str, **args: Any) -> Any:
        return self.site.call(op, **args)

    def look(self) -> dict[str, Any]:
        return self.site.look()

    def let_a_check_pass(self) -> None:
        """Let the system's periodic check come round, where its clock can be turned."""
        if self.site.has("clock"):
            self.observe("clock.advance", seconds=CHECK_INTERVAL, step=CHECK_INTERVAL)

    def judge(self, make: Callable[[Stimulus], Check]) -> Verdict:
        """Judge what the present stimulus led to."""
        return self.scene.judge(make(self.stimulus))

    def nothing_moves(self, seconds: float, *, policy_time: bool = False) -> Verdict:
        """Watch that nothing moves. ``policy_time`` is crossed with the system's clock where it follows one."""
        since = self.stimulus.t
        if policy_time and self.site.has("clock"):
            self.observe("clock.advance", seconds=seconds, step=CHECK_INTERVAL)
            seconds = 1.0  # real time for whatever the advance set off
        until = time.monotonic_ns() + round(seconds * SECOND) if policy_time else since + round(seconds * SECOND)
        return self.scene.judge(NothingMoves(since, until))

    def judge_promises(self) -> list[Verdict]:
        if not self.serving:
            raise CouldNotJudge("the system never served: there is nothing to hold it to")
        return promised.judge_promises(self.scene, self.site, SETTLES_WITHIN)

    def judge_quietly(self) -> None:
        """For a scenario that failed before its last step."""
        if self.serving:
            promised.judge_quietly(self.scene, self.site)

    def logs(self) -> dict[str, str]:
        """Node → what it wrote, secrets scrubbed."""
        logs = {worker.name: worker.log() for worker in self.workers.values() if worker.log()}
        return {**logs, **self.site.logs()}
