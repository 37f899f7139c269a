"""One report out of several runs: the shards of a CI matrix."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

from support.evidence.result import ScenarioResult
from support.outcomes import BadInput, worst
from support.reporting.allure_results import location
from support.reporting.report import Report, build
from support.reporting.run_info import RunInfo, load_results


def merge(shards: list[Path], target: Path) -> Report:
    """Bring the run directories ``shards`` together in ``target`` and build its pages. Raises BadInput.

    A scenario that several shards judged keeps its worst result: a shard never hides another's failure.
    """
    if target.exists() and any(target.iterdir()):
        raise BadInput(f"{target}: not empty; name a new folder for the merged report")
    runs = [RunInfo.load(shard) for shard in shards]
    target.mkdir(parents=True, exist_ok=True)
    (target / "run.json").write_text(json.dumps(asdict(_one_run(runs)), indent=1), encoding="utf-8")
    chosen, problems = _choose(shards)
    for shard in shards:
        mine = [result for result, owner in chosen.values() if owner == shard]
        for result in mine:
            if result.directory:
                shutil.copytree(shard / result.directory, target / result.directory)
        _copy_allure(shard / "allure-results", target / "allure-results", {r.location for r in mine}, {r.location for r, _ in chosen.values()})
    report = build(target, [result for result, _ in chosen.values()])
    return replace(report, problems=[*problems, *_differences(runs), *report.problems])


def _choose(shards: list[Path]) -> tuple[dict[str, tuple[ScenarioResult, Path]], list[str]]:
    chosen: dict[str, tuple[ScenarioResult, Path]] = {}
    problems = []
    for shard in shards:
        for result in load_results(shard):
            other = chosen.get(result.id)
            if other is None:
                chosen[result.id] = result, shard
                continue
            problems.append(f"{result.id} was judged twice: {other[0].outcome} in {other[1]}, {result.outcome} in {shard}; the worse one counts")
            if worst([other[0].outcome, result.outcome]) is not other[0].outcome:
                chosen[result.id] = result, shard
    if not chosen:
        raise BadInput(f"{', '.join(map(str, shards))}: no scenario was judged there")
    return chosen, problems


def _copy_allure(source: Path, target: Path, mine: set[str], known: set[str]) -> None:
    """Everything but the Allure results of scenarios for which another shard speaks."""
    target.mkdir(exist_ok=True)
    for path in sorted(source.glob("*")):
        if path.name.endswith("-result.json"):
            where = location(json.loads(path.read_text(encoding="utf-8")))
            if where in known and where not in mine:
                continue
        shutil.copyfile(path, target / path.name)


def _one_run(runs: list[RunInfo]) -> RunInfo:
    first = runs[0]
    return RunInfo(
        run_id=" + ".join(dict.fromkeys(run.run_id for run in runs)),
        started=min(run.started for run in runs),
        seed=first.seed if all(run.seed == first.seed for run in runs) else None,
        testbed=" + ".join(dict.fromkeys(run.testbed for run in runs)),
        reason=first.reason if all(run.reason == first.reason for run in runs) else "",
        versions={name: version for run in runs for name, version in run.versions.items()},
        systems={name: judged for run in runs for name, judged in run.systems.items()},
        commit=" + ".join(dict.fromkeys(run.commit for run in runs if run.commit)),
        calibration=first.calibration if len(runs) == 1 else {},
    )


def _differences(runs: list[RunInfo]) -> list[str]:
    """What shards of one run should have in common and have not."""
    differing = [name for name in ("commit", "testbed", "systems", "versions") if any(getattr(run, name) != getattr(runs[0], name) for run in runs)]
    return [f"the shards differ in {name}: {' / '.join(str(getattr(run, name)) for run in runs)}" for name in differing]
