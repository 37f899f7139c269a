"""A run as it might have been: every outcome, over R1.1-R1.5. ``python tests/reporting/sample.py DIR`` builds its report to look at."""

from __future__ import annotations

import json
import random
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from support.evidence.check import Check
from support.evidence.history import SECOND, History, Segment
from support.evidence.result import Judgement, ScenarioResult
from support.evidence.verdict import Verdict, Window
from support.outcomes import Outcome

RUN = {
    "run_id": "20260512-140301-4711", "started": "2026-05-12T14:03:01+02:00", "seed": 4711, "testbed": "processes",
    "reason": "no Docker engine answers", "versions": {"PostgreSQL": "18.4"}, "systems": {"streams": "reference"}, "commit": "259b06c",
    "calibration": {"rto_error_s": 0.0312, "availability_bias": 0.0, "slip_p99_s": 0.0011, "samples": 6},
}
REQUIREMENT = "Requirement 1 - streams are spread evenly, and stay so when instances come and go"
RULES = {
    "R1.1": "A newly registered instance gets its share without anybody asking",
    "R1.2": "The streams of an instance that leaves or dies are taken over within 60 seconds",
    "R1.3": "A load gap of more than 20 points triggers a rebalance",
    "R1.4": "At rest every instance is within 2 streams of its fair share",
    "R1.5": "Faults in the middle of it lose and double nothing",
}
MET, VIOLATED, LACKS, UNSURE, BROKEN = Outcome.MET, Outcome.VIOLATED, Outcome.NOT_APPLICABLE, Outcome.COULD_NOT_JUDGE, Outcome.BROKEN
SCENARIOS: list[tuple[str, str, Outcome, str, tuple[str, ...]]] = [
    ("R1.1", "A third worker joins two", MET, "", ("never-rebalances",)),
    ("R1.1", "A worker twice as large joins", MET, "", ("ignores-capacity",)),
    ("R1.1", "Ten workers, one after the other", MET, "", ("never-rebalances", "flooring-loses-streams")),
    ("R1.1", "A worker joins a full fleet", LACKS, "the system lacks the capability refresh", ("full-fleet-places-nothing",)),
    ("R1.2", "A worker's process is killed", MET, "", ("reassigns-after-70-seconds", "second-death-forgotten")),
    ("R1.2", "A worker leaves cleanly", MET, "", ("keeps-leavers-streams",)),
    ("R1.2", "A worker's connection is lost for good", VIOLATED, "", ("reassigns-after-70-seconds",)),
    ("R1.2", "A worker reconnects within the grace", MET, "", ("grace-ignored",)),
    ("R1.2", "Two workers die in the same moment", MET, "", ("second-death-forgotten",)),
    ("R1.2", "The last worker dies", MET, "", ("forgets-the-queue",)),
    ("R1.2", "The remaining workers cannot hold everything", MET, "", ("overfills-after-failover", "no-room-forgets-streams")),
    ("R1.2", "Room appears for what was queued", LACKS, "the system lacks the capability refresh", ("forgets-the-queue",)),
    ("R1.3", "A gap of exactly 20 points moves nothing", MET, "", ("rebalances-at-15-points", "compares-with-or-equal")),
    ("R1.3", "A gap of 21 points moves one stream", MET, "", ("never-rebalances",)),
    ("R1.3", "A rebalance moves no more than it must", MET, "", ("moves-more-than-needed",)),
    ("R1.4", "After 200 random changes", MET, "", ("flooring-loses-streams", "counters-overwritten-by-heartbeat")),
    ("R1.4", "After streams were removed", MET, "", ()),
    ("R1.5", "A worker dies while a rebalance runs", UNSURE, "the fault did not bite: no stream of \"B\" was in flight when it was killed",
     ("tells-new-owner-first",)),
    ("R1.5", "The orchestrator dies while a rebalance runs", BROKEN, "RuntimeError: the observer's socket was closed", ("forgets-on-restart",)),
    ("R1.5", "The same instance registers twice at once", MET, "", ("racy-double-assignment",)),
    ("R1.5", "An instance registers again with a smaller capacity", MET, "", ("overfills-after-failover",)),
    ("R1.5", "Ten instances register at once", MET, "", ("racy-double-assignment",)),
]


@dataclass(frozen=True)
class SampleTakenOver(Check):
    """As the streams system's own: when each of ``streams`` was read by another than ``gone``."""

    streams: list[str]
    gone: str
    since: int
    limit: float

    def judge(self, history: History, *, final: bool = False) -> Verdict:
        taken: dict[str, float] = {}
        for event in history.of("read-started"):
            if event.t >= self.since and event["stream"] in self.streams and event["reader"] != self.gone:
                taken.setdefault(event["stream"], (event.t - self.since) / SECOND)
        missing = tuple(sorted(set(self.streams) - set(taken)))
        last = max(taken.values(), default=0.0)
        return Verdict(
            outcome=VIOLATED if missing else MET, promise=f'every stream of "{self.gone}" is read by another within {self.limit:g} s',
            seen=f"{len(taken)} of {len(self.streams)} streams read by another" + (f"; never: {', '.join(missing)}" if missing else ""),
            value=(history.now - self.since) / SECOND if missing else last, limit=self.limit, unit="s", samples=len(taken), error=0.0312,
            window=Window(self.since, history.now), distribution=taken, suspects=missing,
            details={"median": median(taken.values()) if taken else None, "censored": bool(missing)})


def history(folder: Path, rng: random.Random, late: int = 0) -> SampleTakenOver:
    """Three workers share 30 streams; "B" is killed after 2 s; its streams come back one by one, ``late`` of them never."""
    folder.mkdir(parents=True)
    start = 5_000 * SECOND
    suite, observer = Segment(folder / "suite.jsonl", "suite"), Segment(folder / "observer.jsonl", "source")
    streams = [f"s{i:02}" for i in range(1, 31)]
    observer.record("catalogue", t=start, version=1, streams=streams)
    for i, stream in enumerate(streams):
        observer.record("read-started", t=start + i * SECOND // 40, stream=stream, reader="ABC"[i % 3])
    killed = start + 2 * SECOND
    suite.record("fault-called", t=killed, id=1, fault="killed", role='worker "B"', nodes=["worker-b"], subjects=["B"])
    suite.record("fault-in-effect", t=killed + 3_000_000, id=1, fault="killed", nodes=["worker-b"], subjects=["B"])
    mine = streams[1::3]
    for stream in mine:
        observer.record("read-stopped", t=killed + 2_000_000, stream=stream, reader="B", how="closed")
    end = killed
    for i, stream in enumerate(mine[: len(mine) - late]):
        end = killed + round((5.2 + i * 0.12 + rng.random() * 0.2) * SECOND)
        observer.record("read-started", t=end, stream=stream, reader="AC"[i % 2])
    last = killed + 60 * SECOND if late else end
    suite.record("fault-healed", t=last, id=1, fault="killed", nodes=["worker-b"])
    for tick in range(int((last - start) / SECOND) + 1):
        observer.record("tick", t=start + tick * SECOND, slip=100_000)
    suite.close()
    observer.close()
    return SampleTakenOver(mine, "B", killed, 60.0)


def _balance_verdict() -> Verdict:
    instances = {name: {"assigned": held, "share": 9.75, "capacity": 20} for name, held in (("A", 10), ("B", 9), ("C", 11), ("D", 9))}
    seen = "gap 10.0 points, largest distance 1.25 streams"
    promise = "every instance is within 2 streams of its fair share"
    return Verdict(MET, promise, seen, 1.25, 2.0, "streams", samples=200, details={"instances": instances})


def _promise(outcome: Outcome, samples: int) -> Judgement:
    verdict = Verdict(outcome, "a stream has at most one owner", f"no breach in {samples} observations", 0.0, 0.0, "breaches", samples=samples)
    return Judgement("every promise held throughout", {"check": "SampleOneOwner"}, verdict)


def build_run(directory: Path, seed: int = 7) -> list[ScenarioResult]:
    """Write a run's directory (run.json, scenarios with histories, verdicts, logs) and answer its results."""
    rng = random.Random(seed)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "run.json").write_text(json.dumps(RUN), encoding="utf-8")
    results = []
    for line, (criterion, name, outcome, reason, killed) in enumerate(SCENARIOS, start=10):
        slug = f"{criterion}-{line}"
        result = ScenarioResult(
            id=f"{criterion}/{name}", system="streams", requirement=REQUIREMENT, criterion=criterion, rule=RULES[criterion], scenario=name,
            location=f"features/streams/requirement_1.feature:{line}", outcome=outcome, reason=reason, tags=(criterion, "failover"), killed=killed)
        if outcome is not LACKS:
            result = _played(directory, replace(result, directory=f"scenarios/{slug}"), rng)
        results.append(result)
    return results


def _played(directory: Path, result: ScenarioResult, rng: random.Random) -> ScenarioResult:
    folder = directory / result.directory
    check = history(folder, rng, late=3 if result.outcome is VIOLATED else 0)
    found = []
    if result.criterion == "R1.4":
        check_data = {"check": "SampleBalanced", "tolerance": 2}
        found.append(Judgement("every worker holds its fair share, give or take 2 streams", check_data, _balance_verdict()))
    elif result.outcome in (MET, VIOLATED):
        verdict = check.judge(History.load(*folder.glob("*.jsonl")), final=True)
        found.append(Judgement('every stream of worker "B" is read by another worker within 60 seconds', check.to_dict(), verdict))
    if result.outcome in (MET, VIOLATED):
        found.append(_promise(MET, rng.randint(40, 200)))
    waiting = round(rng.uniform(0.2, 8), 3)
    reason = result.reason
    if result.outcome is VIOLATED:
        reason = "violated: 7 of 10 streams read by another; never: s23, s26, s29 (still assigned to \"B\")"
    if result.outcome is not MET:
        (folder / "logs").mkdir()
        line = '{"time":"2026-05-12T14:03:07Z","level":"info","message":"instance B disconnected"}'
        (folder / "logs" / "orchestrator.log").write_text(f"{line}\n", encoding="utf-8")
    result = replace(result, judgements=tuple(found), reason=reason, duration=waiting + 0.7,
                     times={"services": 0.1, "waiting": waiting, "suite": 0.45, "teardown": 0.15})
    (folder / "verdicts.json").write_text(json.dumps([j.to_dict() for j in found if j.check["check"] == "SampleTakenOver"]), encoding="utf-8")
    (folder / "result.json").write_text(json.dumps(result.to_dict()), encoding="utf-8")
    return result


def main() -> None:
    from support.reporting.report import build

    directory = Path(sys.argv[1])
    print(build(directory, build_run(directory), {"services": 1.9, "waiting": 34.1, "suite": 5.2, "teardown": 1.0}))


if __name__ == "__main__":
    main()
