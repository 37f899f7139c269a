"""Everything that can be known before anything starts: options, target, features, testbed, plan. Mistakes are told here."""

from __future__ import annotations

import os
import random
import secrets
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.outcomes import BadInput
from support.reporting.identity import identify
from support.run.load import load
from support.run.needs import Needs
from support.run.plan import Plan, load_durations, make_plan, part_of, suite_listens
from support.run.select import select
from support.settings import Settings, load_settings
from support.target import Target, check_reachable, load_target
from support.testbed.choose import Choice, decide

QUIET = "null"  # behave's formatter that writes nothing: our own progress is shown instead


@dataclass(frozen=True)
class Prepared:
    """A run that can begin. ``whole_features``: somebody reads along in behave's own words, so one child runs feature by feature."""

    run_id: str
    settings: Settings
    target: Target
    testbed: Choice
    plan: Plan
    seed: int
    jobs: int
    whole_features: bool


def prepare(runner: Any) -> Prepared:
    """Read and check all that the user gave. BadInput: one line; then nothing was started."""
    if sys.platform not in ("linux", "darwin"):
        raise BadInput(f"Holdfast runs on Linux and macOS, not on {sys.platform}")
    config = runner.config
    settings = load_settings(config.userdata)
    target = load_target(settings)
    load(runner)
    needed = select(runner.features, config, settings.require)
    part = part_of(needed, settings.shard)
    if not part:
        raise BadInput(f"-D shard={settings.shard}: only {len(needed)} scenarios are selected")
    _check_writable(settings.reports)
    judged = {identify(scenario)["system"] for scenario, _ in part} & target.systems.keys()
    for system in sorted(judged):
        check_reachable(system, target.systems[system])
    testbed = decide(settings.testbed, _images(settings, target, judged, part))
    plan = make_plan(part, target, testbed.capabilities, load_durations(settings.reports))
    whole = config.format != [QUIET] or config.junit
    return Prepared(
        run_id=f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}",
        settings=settings,
        target=target,
        testbed=testbed,
        plan=plan,
        seed=random.randrange(1_000_000) if settings.seed is None else settings.seed,
        jobs=1 if whole or suite_listens(plan, target) else max(1, min(config.jobs, len(plan.applicable))),
        whole_features=whole,
    )


def _images(settings: Settings, target: Target, judged: set[str], needed: list[tuple[Any, Needs]]) -> list[str]:
    """What containers would be made of."""
    clusters = {cluster for _, needs in needed for cluster in needs.clusters}
    images = {program.image for system in judged for program in target.systems[system].programs.values() if program.image}
    return sorted(images | {getattr(settings, f"{cluster}_image") for cluster in clusters})


def _check_writable(reports: Path) -> None:
    """Asked of the nearest folder that is there, so that a run which is refused leaves none behind."""
    folder = reports.absolute()
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise BadInput(f"-D reports={reports}: {folder} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput(f"-D reports={reports}: {folder} cannot be written to")
