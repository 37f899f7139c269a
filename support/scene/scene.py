"""A scene: one scenario while it is played - its history, its faults, its verdicts, its time, and what must be cleaned up after it."""

from __future__ import annotations

import dataclasses
import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.deadline import until
from support.evidence.check import Check
from support.evidence.history import SECOND, History, HistoryReader, Segment
from support.evidence.result import Judgement
from support.evidence.verdict import Verdict
from support.faults.ledger import Ledger
from support.outcomes import CouldNotJudge, Outcome
from support.scene.session import Session

LOOK_EVERY = 0.02        # seconds between two looks at a growing history
TELL_EVERY = 1.0         # seconds between two progress messages
DECIDES_LATE = 30.0      # a checker that is still open this long after it should have decided is given up


@dataclass
class Scene:
    """Lives from before_scenario to after_scenario. ``id`` is ``<criterion>/<scenario name>``."""

    id: str
    session: Session
    directory: Path
    random: random.Random
    segment: Segment = field(init=False)
    faults: Ledger = field(init=False)
    judgements: list[Judgement] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=lambda: {"services": 0.0, "waiting": 0.0, "teardown": 0.0})
    step: str = ""
    _meanwhile: list[Callable[[], object]] = field(default_factory=list)
    _reader: HistoryReader = field(init=False)
    _cleanups: list[Callable[[], object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.segment = Segment(self.directory / "suite.jsonl", "suite")
        self.faults = Ledger(self.segment)
        self._reader = HistoryReader(self.directory)
        self.segment.record("scene-opened", id=self.id, seed=self.session.seed)

    def history(self) -> History:
        """Everything that all observers have recorded so far."""
        return self._reader.read()

    def cleanup(self, action: Callable[[], object]) -> None:
        """Register what must be done at the end, last in first out, whatever happens."""
        self._cleanups.append(action)

    def meanwhile(self, action: Callable[[], object]) -> None:
        """Register what can be done while this scenario waits for something anyway. It is not done at all if it never waits."""
        self._meanwhile.append(action)

    @contextmanager
    def spending(self, on: str) -> Iterator[None]:
        """Count the time of a block as ``services``, ``waiting`` or ``teardown``."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.times[on] += time.monotonic() - begun

    def last(self, since: int, seconds: float) -> None:
        """Let a state that was made last for ``seconds`` from ``since`` (monotonic ns): the time that a sentence states."""
        with self.spending("waiting"):
            until(lambda: time.monotonic_ns() >= since + round(seconds * SECOND), within=seconds + 1, every=0.01)

    def observe(self, check: Check) -> Verdict:
        """Wait until the checker decides on the growing history, telling what is being waited for. Not recorded as a verdict."""
        with self.spending("waiting"):
            begun = told = time.monotonic()
            history = self.history()
            verdict: Verdict = check.judge(history)

            def look() -> bool:
                nonlocal history, verdict, told
                before, history = history, self.history()
                if history is not before:  # a checker knows nothing else
                    verdict = check.judge(history)
                if verdict.open and time.monotonic() - told >= TELL_EVERY:
                    told = time.monotonic()
                    self.session.tell("waiting", id=self.id, elapsed=told - begun, limit=verdict.limit, unit=verdict.unit, seen=verdict.seen)
                return not verdict.open

            if verdict.open:
                while self._meanwhile:
                    self._meanwhile.pop()()
                limit = verdict.limit if verdict.limit is not None and verdict.unit == "s" else 60.0
                until(look, within=limit + DECIDES_LATE, every=LOOK_EVERY)
        return check.judge(self.history(), final=True) if verdict.open else verdict

    def judge(self, check: Check) -> Verdict:
        """Observe, and record the verdict as evidence under the present step."""
        return self.keep(check, self.observe(check))

    def keep(self, check: Check, verdict: Verdict) -> Verdict:
        """Record a verdict, with the instrument's own error beside a measured time."""
        if verdict.unit == "s" and verdict.value is not None:
            verdict = dataclasses.replace(verdict, error=self.session.instrument_error())
        self.judgements.append(Judgement(self.step, check.to_dict(), verdict))
        return verdict

    def require(self, check: Check) -> Verdict:
        """Wait for a precondition; without it nothing can be judged."""
        verdict = self.observe(check)
        if verdict.outcome is not Outcome.MET:
            raise CouldNotJudge(f"{verdict.promise}: {verdict.seen}")
        return verdict

    def close(self) -> list[Exception]:
        """Heal every fault, run every clean-up, store the verdicts. What failed on the way is returned, nothing is skipped for it."""
        failed = self.faults.heal_all()
        with self.spending("teardown"):
            while self._cleanups:
                try:
                    self._cleanups.pop()()
                except Exception as error:  # noqa: BLE001 - the other clean-ups must still run
                    failed.append(error)
        self.segment.record("scene-closed", id=self.id)
        self.segment.close()
        stored = [judgement.to_dict() for judgement in self.judgements]
        (self.directory / "verdicts.json").write_text(json.dumps(stored, indent=1), encoding="utf-8")
        return failed
