"""Runs the suite against each variant and compares what came out with what is claimed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from behave.model_core import FileLocation
from behave.runner_util import parse_features

from support.evidence.result import ScenarioResult
from support.outcomes import Outcome
from support.reporting.identity import identify
from tests.falsification.claims import Claims, Defect

ROOT = Path(__file__).parents[2]
PROVEN = Path(__file__).with_name("proven.json")
ONE_RUN_WITHIN = 600.0  # seconds


@dataclass
class Row:
    """One variant: what was wrong with the claim (nothing: it was proven), and how long it took."""

    variant: str
    kind: str
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0
    caught: dict[str, str] = field(default_factory=dict)  # scenario → the reason it gave


def judge(variant: str, scenarios: list[str], seed: int = 4711) -> list[ScenarioResult]:
    """The results of a run against one variant: of these scenarios, or of all."""
    with tempfile.TemporaryDirectory(prefix="holdfast-matrix-") as reports:
        options = {"testbed": "processes", "streams_variant": variant, "reports": reports, "seed": seed}
        command = [sys.executable, "-m", "behave", *(part for name, value in options.items() for part in ("-D", f"{name}={value}"))]
        for scenario in scenarios:
            command += ["--name", f"^{re.escape(scenario.partition('/')[2])}"]
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=ONE_RUN_WITHIN, check=False)
        stored = sorted(Path(reports).glob("runs/*/scenarios/*/result.json"))
        if not stored:
            raise RuntimeError(f"{variant}: the run left no result (exit code {ran.returncode}): {(ran.stdout + ran.stderr)[-500:]}")
        return [ScenarioResult.from_dict(json.loads(path.read_text(encoding="utf-8"))) for path in stored]


def prove_defect(defect: Defect) -> Row:
    """Each claimed scenario must be violated, by the claimed check."""
    row = Row(defect.name, "defect")
    begun = time.monotonic()
    results = {r.id: r for r in judge(defect.name, [c.scenario for c in defect.caught])}
    for catch in defect.caught:
        result = results.get(catch.scenario)
        if result is None:
            row.problems.append(f"{catch.scenario}: there is no such scenario")
            continue
        violated = {j.check["check"]: j.verdict.seen for j in result.judgements if j.verdict.outcome is Outcome.VIOLATED}
        if result.outcome is not Outcome.VIOLATED:
            row.problems.append(f"{catch.scenario}: {result.outcome}" + (f" ({result.reason})" if result.reason else " - the defect survived"))
        elif catch.by not in violated:
            row.problems.append(f"{catch.scenario}: violated by {', '.join(violated)}, not by {catch.by}: another reason than its own")
        else:
            row.caught[catch.scenario] = violated[catch.by]
    row.seconds = time.monotonic() - begun
    return row


def prove_harmless(variant: str) -> Row:
    """Nothing may be violated, and nothing may be left unjudged."""
    row = Row(variant, "harmless")
    begun = time.monotonic()
    results = judge(variant, [])
    row.problems = [f"{r.id}: {r.outcome} ({r.reason})" for r in results if r.outcome is not Outcome.MET]
    row.seconds = time.monotonic() - begun
    return row


def scenarios_of_features() -> list[str]:
    """The id of every scenario in the feature files, each row of an outline by itself."""
    locations = [FileLocation(str(path)) for path in sorted((ROOT / "features").rglob("*.feature"))]
    return [identify(scenario)["id"] for feature in parse_features(locations) for scenario in feature.walk_scenarios()]


def unproven(claims: Claims) -> list[str]:
    """Scenarios that no claimed defect turns red."""
    claimed = {catch.scenario for defect in claims.defect for catch in defect.caught}
    return [scenario for scenario in scenarios_of_features() if scenario not in claimed]


def compute(claims: Claims, only: list[str], side_by_side: int) -> Iterator[Row]:
    """A row for each variant: so many defects at once, which mostly wait for a limit to pass, beside one harmless variant, which is a whole run."""
    with ThreadPoolExecutor(side_by_side) as defects, ThreadPoolExecutor(1) as harmless:
        jobs = [defects.submit(prove_defect, d) for d in claims.defect if not only or d.name in only]
        jobs += [harmless.submit(prove_harmless, name) for name in claims.harmless if not only or name in only]
        for job in jobs:
            yield job.result()


def proven(rows: list[Row]) -> dict[str, list[str]]:
    """Scenario → the defects that it caught, as verdicts show them."""
    found: dict[str, list[str]] = {}
    for row in rows:
        for scenario in row.caught:
            found.setdefault(scenario, []).append(row.variant)
    return {scenario: sorted(names) for scenario, names in sorted(found.items())}
