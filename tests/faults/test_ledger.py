"""The ledger: a fault counts once its effect was seen, and is undone whatever happens."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.evidence.history import Segment
from support.faults import ledger as ledger_module
from support.faults.ledger import Ledger, Subject
from support.outcomes import CouldNotJudge


@dataclasses.dataclass
class Told:
    """A fault that does as it is told, and remembers what was asked of it."""

    name: str = "told"
    capability: str = "tell"
    effect: bool = True
    breaks_on: str = ""
    done: list[str] = dataclasses.field(default_factory=list)

    def inject(self, subject: Subject) -> None:
        self._do("inject", subject)

    def bites(self, subject: Subject) -> bool:
        return self.effect

    def heal(self, subject: Subject) -> None:
        self._do("heal", subject)

    def _do(self, what: str, subject: Subject) -> None:
        self.done.append(f"{what} {subject.name}")
        if what == self.breaks_on:
            raise OSError(f"cannot {what} {subject.name}")


A, B = (Subject(name, None, None) for name in "AB")


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    monkeypatch.setattr(ledger_module, "SEEN_WITHIN", 0.1)
    segment = Segment(tmp_path / "suite.jsonl", "suite")
    yield Ledger(segment)
    segment.close()


def history(ledger: Ledger) -> list[tuple[str, list[str]]]:
    lines = Path(ledger.segment.path).read_text(encoding="utf-8").splitlines()
    return [(event["what"], event["subjects"]) for event in map(json.loads, lines)]


def test_a_fault_and_its_healing_are_in_the_history(ledger):
    entry = ledger.inject(Told(), A, B)
    assert entry.called <= entry.in_effect
    ledger.heal(entry)
    ledger.heal(entry)
    assert history(ledger) == [(what, ["A", "B"]) for what in ("fault-called", "fault-in-effect", "fault-healed")]


def test_a_fault_that_does_not_bite_could_not_be_judged_and_is_healed(ledger):
    fault = Told(effect=False)
    with pytest.raises(CouldNotJudge, match="did not bite: A and B told"):
        ledger.inject(fault, A, B)
    assert "fault-in-effect" not in [what for what, _ in history(ledger)]
    assert ledger.heal_all() == []
    assert fault.done == ["inject A", "inject B", "heal A", "heal B"]


def test_a_fault_that_breaks_on_the_way_is_healed(ledger):
    fault = Told(breaks_on="inject")
    with pytest.raises(OSError, match="cannot inject A"):
        ledger.inject(fault, A)
    assert ledger.heal_all() == []
    assert fault.done == ["inject A", "heal A"]


def test_the_last_fault_is_healed_first_and_one_that_cannot_be_keeps_no_other_from_it(ledger):
    first, broken, last = Told("first"), Told("broken", breaks_on="heal"), Told("last")
    for fault in (first, broken, last):
        ledger.inject(fault, A)
    [failure] = ledger.heal_all()
    assert str(failure) == "cannot heal A"
    healed = [event for event in Path(ledger.segment.path).read_text(encoding="utf-8").splitlines() if "fault-healed" in event]
    assert [json.loads(event)["fault"] for event in healed] == ["last", "first"]


def test_what_is_on_a_subject_is_what_was_not_healed(ledger):
    healed, on_both, on_b = (ledger.inject(Told(), *subjects) for subjects in ([A], [A, B], [B]))
    ledger.heal(healed)
    assert ledger.on(["A"]) == [on_both]
    assert ledger.on(["A", "B"]) == [on_both, on_b]
