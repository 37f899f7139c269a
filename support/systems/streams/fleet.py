"""The workers: real programs of the system, or simulated ones (the worker's side of the contract, played by the observer)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support.faults.ledger import Subject
from support.testbed.interface import HOST, Link, Node


class Worker(ABC):
    """One instance as the scenario knows it."""

    name: str
    capacity: int

    @abstractmethod
    def start(self) -> None:
        """Let it register and work. Returns at once."""

    @abstractmethod
    def leave(self) -> None:
        """A clean leave: it ends in its own good order."""

    @abstractmethod
    def subject(self) -> Subject:
        """What faults are done to."""

    def log(self) -> str:
        return ""

    @abstractmethod
    def remove(self) -> None: ...


@dataclass
class WorkerProgram(Worker):
    """A process or container of the system's worker, with a link in each direction between it and the orchestrator."""

    name: str
    capacity: int
    node: Node
    there: Link
    back: Link

    def start(self) -> None:
        self.node.start()

    def leave(self) -> None:
        self.node.stop()

    def subject(self) -> Subject:
        return Subject(self.name, self.node, self.node.address("http", seen_from=HOST), (self.there, self.back))

    def log(self) -> str:
        return self.node.log()

    def remove(self) -> None:
        self.node.remove()
        self.there.close()
        self.back.close()


@dataclass
class SimulatedWorker(Worker):
    """An instance played by the observer: many of them cost nothing, and it can misbehave on command."""

    name: str
    capacity: int
    orchestrator_url: str
    call: Callable[..., Any]  # an operation of the observer, with the scope already given
    listen: str

    def start(self) -> None:
        self.register_again()

    def register_again(self, *, capacity: int | None = None, times: int = 1) -> None:
        """Send ``times`` registrations at the same moment, perhaps with another capacity."""
        self.capacity = self.capacity if capacity is None else capacity
        self.call("streams.register", name=self.name, capacity=self.capacity, orchestrator_url=self.orchestrator_url, times=times, listen=self.listen)

    def leave(self) -> None:
        self.call("streams.leave", name=self.name)

    def subject(self) -> Subject:
        return Subject(self.name, None, None)

    def remove(self) -> None:
        """The observer forgets it with its scope."""
