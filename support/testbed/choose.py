"""Which testbed a run gets, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from support.observer.process import ObserverProcess
from support.outcomes import BadInput
from support.testbed.containers import Containers, available
from support.testbed.deployed import Deployed
from support.testbed.interface import Testbed
from support.testbed.processes import Processes


@dataclass(frozen=True)
class Choice:
    """A testbed that can be had, with the reason for the first line of a run. Nothing was started yet."""

    testbed: type[Processes] | type[Containers]
    reason: str

    @property
    def name(self) -> str:
        return self.testbed.name

    @property
    def capabilities(self) -> frozenset[str]:
        return self.testbed.capabilities

    def open(self, run_id: str, relay: Callable[[], ObserverProcess]) -> Testbed:
        """The testbed of this run. ``relay`` answers with the relay process of whoever asks for a link."""
        return self.testbed(run_id, relay, self.reason)


def decide(name: str, images: Sequence[str] = ()) -> Choice:
    """``name``: auto, containers, processes or deployed; ``images`` are those that containers would need.

    auto takes containers if a Docker engine answers within a second and has (or can get) the images. BadInput: what is asked for cannot be had.
    """
    if name == "processes":
        return Choice(Processes, "as asked")
    if name == "deployed":
        return Choice(Deployed, "as asked")
    if name not in ("auto", "containers"):
        raise BadInput(f'-D testbed={name}: choose auto, containers, processes or deployed (README, "Where it runs")')
    obstacle = available(images)
    if obstacle is None:
        return Choice(Containers, "a Docker engine answers" if name == "auto" else "as asked")
    if name == "containers":
        raise BadInput(f"-D testbed=containers: {obstacle}; mend that or choose -D testbed=processes")
    return Choice(Processes, obstacle)


def choose(name: str, run_id: str, relay: Callable[[], ObserverProcess], images: Sequence[str] = ()) -> Testbed:
    """``decide``, then open."""
    return decide(name, images).open(run_id, relay)
