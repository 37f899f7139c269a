"""The ledger of faults: what was done, when it was seen to bite, and that it is always undone."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import count
from typing import Protocol

from support.deadline import until
from support.evidence.history import Segment
from support.outcomes import CouldNotJudge
from support.testbed.interface import Address, Link, Node

SEEN_WITHIN = 5.0  # seconds in which a fault must show its effect


@dataclass(frozen=True)
class Subject:
    """What a fault is done to: a role of some system.

    ``peers`` are the links that carry everything between it and its peers; ``port`` is where the suite reaches it
    directly, past all links: the independent path on which effects are witnessed. ``name`` is used in histories.
    """

    name: str
    node: Node | None
    port: Address | None
    peers: tuple[Link, ...] = ()


class Fault(Protocol):
    """One kind of fault. ``heal`` must be safe to call whether or not ``inject`` got through."""

    name: str        # as the history and the sentences say it: "killed"
    capability: str  # what the testbed must be able to do

    def inject(self, subject: Subject) -> None: ...

    def bites(self, subject: Subject) -> bool:
        """Whether the effect is seen, on a path that is independent of the command that caused it."""
        ...

    def heal(self, subject: Subject) -> None: ...


@dataclass
class Injected:
    """A fault on its subjects, from the call on."""

    id: int
    fault: Fault
    subjects: tuple[Subject, ...]
    called: int  # monotonic ns
    in_effect: int = 0
    healed: bool = False


@dataclass
class Ledger:
    """The faults of one scenario. Healing is registered before the injection and done last-in-first-out."""

    segment: Segment
    entries: list[Injected] = field(default_factory=list)
    _ids: Callable[[], int] = field(default_factory=lambda: count(1).__next__)

    def inject(self, fault: Fault, *subjects: Subject) -> Injected:
        """Do it to all of them side by side and return once the effect was witnessed on each; raises CouldNotJudge if it does not bite."""
        names = [s.name for s in subjects]
        number = self._ids()
        event = self.segment.record("fault-called", id=number, fault=fault.name, subjects=names)
        entry = Injected(number, fault, subjects, event.t)
        self.entries.append(entry)
        for subject in subjects:
            fault.inject(subject)
        if not until(lambda: all(fault.bites(s) for s in subjects), within=SEEN_WITHIN, every=0.005):
            raise CouldNotJudge(f"the fault did not bite: {' and '.join(names)} {fault.name}, but no effect was seen within {SEEN_WITHIN:g} s")
        entry.in_effect = self.segment.record("fault-in-effect", id=number, fault=fault.name, subjects=names).t
        return entry

    def on(self, subjects: Collection[str]) -> list[Injected]:
        """What was done to any of these and not undone, oldest first."""
        return [entry for entry in self.entries if not entry.healed and any(s.name in subjects for s in entry.subjects)]

    def heal(self, entry: Injected) -> None:
        """Undo one fault; does nothing the second time."""
        if entry.healed:
            return
        for subject in entry.subjects:
            entry.fault.heal(subject)
        entry.healed = True
        self.segment.record("fault-healed", id=entry.id, fault=entry.fault.name, subjects=[s.name for s in entry.subjects])

    def heal_all(self) -> list[Exception]:
        """Undo everything, the last first. One that fails does not keep the others from being undone; what failed is returned."""
        failed: list[Exception] = []
        for entry in reversed(self.entries):
            try:
                self.heal(entry)
            except Exception as error:  # noqa: BLE001 - whatever it is, the rest must still be healed
                failed.append(error)
        return failed
