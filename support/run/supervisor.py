"""The supervisor of a run: forks children, hands out scenarios, collects results, and sees to it that everybody ends."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from support.evidence.result import ScenarioResult
from support.outcomes import Outcome
from support.run.plan import Entry, Plan
from support.run.progress import Progress
from support.run.signals import Interrupted

ENDS_WITHIN = 20.0  # seconds that a child gets to put everything away once it was told to stop
_FORK = get_context("fork")
_GOOD = (Outcome.MET, Outcome.NOT_APPLICABLE)


@dataclass
class Worker:
    """One child as the supervisor sees it. ``parked``: it asked for work while there was none for it."""

    number: int
    process: BaseProcess
    link: Connection
    log: Path | None
    batch: list[Entry] = field(default_factory=list)
    parked: bool = False
    useful: bool = False  # it was given something


class Supervisor:
    """``child(number, link)`` is what a forked child does; ``log(number)`` is where its output goes (None: to the terminal).

    With ``whole_features`` all scenarios of a feature are handed out together, in their order. Results are in ``results``;
    ``troubles`` are failures of the suite that belong to no scenario.
    """

    def __init__(
        self, plan: Plan, progress: Progress, child: Callable[[int, Connection], None], log: Callable[[int], Path | None],
        *, stop_early: bool = False, whole_features: bool = False,
    ) -> None:
        self.plan = plan
        self.progress = progress
        self.results: dict[int, ScenarioResult] = {}
        self.troubles: list[str] = []
        self._child = child
        self._log = log
        self._stop_early = stop_early
        self._together = deque(_batches(plan, whole_features))
        self._alone = deque([entry] for entry in plan.applicable if entry.alone and not whole_features)
        self._workers: list[Worker] = []
        self._forked = 0
        self._brisk = 0  # the number of the child that begins at the short end, so that the machine works while the others wait
        self._stopping = False

    def run(self, jobs: int, get_ready: Callable[[], None]) -> None:
        """Run the plan with so many children at once; ``get_ready`` returns when work can be handed out, while they get ready themselves.

        Its exceptions, and Interrupted, pass through, after every child has ended.
        """
        try:
            self._brisk = 1 if jobs > 1 else 0
            for _ in range(jobs):
                self._fork()
            get_ready()
            while self._workers:
                self._turn(None)
        except Interrupted:
            self._stopping = True
            self.progress.say("stopping: everything that was started is being ended")
            raise
        finally:
            self._end()
        if not self._stopping:
            for batch in (*self._together, *self._alone):  # nobody was left to run them
                self._break(batch, "; ".join(self.troubles) or "no process was left to run it")

    def _fork(self) -> None:
        ours, theirs = _FORK.Pipe()
        others = [worker.link for worker in self._workers]
        number = self._forked = self._forked + 1

        def main() -> None:
            for link in (ours, *others):  # or no child would notice that the supervisor is gone
                link.close()
            self._child(number, theirs)

        process = _FORK.Process(target=main, name=f"child-{number}")
        process.start()
        theirs.close()
        self._workers.append(Worker(number, process, ours, self._log(number)))

    def _turn(self, patience: float | None) -> None:
        """Wait for the next messages and act on them."""
        by_link = {worker.link: worker for worker in self._workers}
        for link in wait(list(by_link), patience):
            worker = by_link[link]  # type: ignore[index]  # only connections were given
            try:
                kind, data = worker.link.recv()
            except (EOFError, ConnectionResetError):
                self._ended(worker)
            else:
                self._act(worker, kind, data)

    def _act(self, worker: Worker, kind: str, data: dict[str, Any]) -> None:
        if kind == "result":
            self._keep(worker, ScenarioResult.from_dict(data["result"]))
        elif kind == "waiting":
            self.progress.waiting(**data)
        elif kind == "trouble":
            if data["text"] not in self.troubles:  # each child may meet the same one
                self.troubles.append(data["text"])
        elif kind == "next":
            worker.batch = []
            worker.parked = True
            self._assign_parked()
        else:
            raise ValueError(f"a child said {kind!r}")

    def _assign_parked(self) -> None:
        for worker in [w for w in self._workers if w.parked]:
            self._assign(worker)

    def _assign(self, worker: Worker) -> None:
        """Give a worker its next batch, or let it end, or leave it parked until nobody else is busy."""
        batch: list[Entry] = []
        if self._together and not self._stopping:
            batch = self._together.pop() if worker.number == self._brisk else self._together.popleft()
        elif self._alone and not self._stopping:
            if any(other.batch for other in self._workers):
                return
            batch = self._alone.popleft()
        worker.parked, worker.batch, worker.useful = False, batch, worker.useful or bool(batch)
        try:
            worker.link.send({"numbers": [entry.number for entry in batch], "more": bool(self._together or self._alone)})
        except BrokenPipeError:  # it died meanwhile: its end is the next message
            return

    def _keep(self, worker: Worker, result: ScenarioResult) -> None:
        entry = next(entry for entry in worker.batch if entry.id == result.id)
        self.results[entry.number] = result
        self.progress.ended(result)
        if self._stop_early and result.outcome not in _GOOD:
            self._stopping = True

    def _ended(self, worker: Worker) -> None:
        worker.process.join(ENDS_WITHIN)
        worker.link.close()
        self._workers.remove(worker)
        code = worker.process.exitcode or 0
        if not self._stopping:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            self._break(worker.batch, f"the process that ran it ended with {how}{_last_words(worker.log) if code else ''}")
            if code and not worker.batch:
                self.troubles.append(f"child {worker.number} ended with {how}{_last_words(worker.log)}")
            if code and worker.useful and (self._together or self._alone):
                self._fork()
            self._assign_parked()

    def _break(self, batch: list[Entry], reason: str) -> None:
        for entry in batch:
            if entry.number not in self.results:
                result = entry.result(Outcome.NOT_APPLICABLE, entry.reason) if entry.reason else entry.result(Outcome.BROKEN, reason)
                self.results[entry.number] = result
                self.progress.ended(result)

    def _end(self) -> None:
        """Whatever happened: no child is left after this."""
        self._stopping = self._stopping or bool(self._workers)
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + ENDS_WITHIN
        while self._workers and time.monotonic() < deadline:
            self._turn(max(0.0, deadline - time.monotonic()))
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()
            self.troubles.append(f"child {worker.number} did not end within {ENDS_WITHIN:.0f} s and was killed")


def _batches(plan: Plan, whole_features: bool) -> list[list[Entry]]:
    """The longest first, at the end what is not applicable (it takes no time at all); or feature by feature."""
    if whole_features:
        features: dict[int, list[Entry]] = {}
        for entry in plan.entries:
            features.setdefault(id(entry.scenario.feature), []).append(entry)
        return list(features.values())
    longest_first = sorted((e for e in plan.applicable if not e.alone), key=lambda e: -e.seconds)
    return [[entry] for entry in (*longest_first, *plan.not_applicable)]


def _last_words(log: Path | None) -> str:
    if log is None or not log.exists():
        return ""
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return f": {lines[-1].strip()} ({log})" if lines else ""
