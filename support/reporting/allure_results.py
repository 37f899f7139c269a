"""The folder ``allure-results``: made to agree with what the run came to, and completed with pictures and surroundings."""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path
from typing import Any

from support.evidence.result import ScenarioResult
from support.reporting.allure import STATUS, message
from support.reporting.cards import html_card
from support.reporting.identity import identity_of, labels, place, test_case_id
from support.reporting.run_info import RunInfo

# The first that fits counts. ``matchedStatuses`` and ``messageRegex`` are what Allure 2 and 3 both understand.
CATEGORIES = [
    {"name": "violated: the system broke its promise", "matchedStatuses": ["failed"]},
    {"name": "could not judge: nothing was proven, neither way", "matchedStatuses": ["broken"], "messageRegex": r"^could not judge: [\s\S]*"},
    {"name": "broken: the suite itself failed", "matchedStatuses": ["broken"], "messageRegex": r"^broken: [\s\S]*"},
    {"name": "not applicable: the place or the system lacks what is needed", "matchedStatuses": ["skipped"]},
]


def complete(run_directory: Path, run: RunInfo, results: list[ScenarioResult]) -> list[str]:
    """Make Allure's results say what ``results`` say; answer what had to be left out for that: what was cut short has no result.

    A scenario that left no Allure result behind (its process died, it never began) gets one. Pictures that were drawn are
    attached. ``environment.properties`` and ``categories.json`` are written.
    """
    folder = run_directory / "allure-results"
    folder.mkdir(parents=True, exist_ok=True)
    loaded = [(path, json.loads(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*-result.json"))]
    written = {location(data): (path, data) for path, data in loaded}
    for result in results:
        path, data = written.pop(result.location, None) or _new(folder, run_directory, run, result)
        _agree(data, result)
        _add_pictures(folder, data, run_directory / result.directory)
        _replace(path, json.dumps(data, ensure_ascii=False))
    _replace(folder / "environment.properties", _environment(run))
    _replace(folder / "categories.json", json.dumps(CATEGORIES, indent=1))
    for path, _ in written.values():
        path.unlink()
    return [f"{data.get('name')!r} has no result: it is left out" for _, data in written.values()]


def location(data: dict[str, Any]) -> str:
    """By which an Allure result is known to belong to a scenario: file and line."""
    return next((str(label["value"]) for label in data.get("labels", []) if label["name"] == "location"), data["uuid"])


def _agree(data: dict[str, Any], result: ScenarioResult) -> None:
    """Status, reason and place in the tree are the result's; steps and attachments stay."""
    data["status"] = STATUS[result.outcome]
    details = data.get("statusDetails") or {}
    details["message"] = message(result.outcome, result.reason)
    data["statusDetails"] = {name: value for name, value in details.items() if value}
    wanted = dict(labels(identity_of(result), list(result.tags)))
    kept = [label for label in data.get("labels", []) if label["name"] not in ("epic", "feature", "story")]
    data["labels"] = [{"name": name, "value": wanted[name]} for name in ("epic", "feature", "story") if name in wanted] + kept


def _new(folder: Path, run_directory: Path, run: RunInfo, result: ScenarioResult) -> tuple[Path, dict[str, Any]]:
    """An Allure result for a scenario that could not write its own: no steps, but the verdict's card."""
    identity = identity_of(result)
    where = place(identity, run)
    case = test_case_id(identity, {}, where)
    name = str(uuid.uuid4())
    began = round((run_directory / "run.json").stat().st_mtime * 1000)
    card = f"{uuid.uuid4()}-attachment.html"
    (folder / card).write_text(html_card(result, run), encoding="utf-8")
    return folder / f"{name}-result.json", {
        "uuid": name, "name": result.scenario, "fullName": f"{result.requirement}: {result.rule}: {result.scenario}",
        "titlePath": [part for part in (result.system, result.requirement, result.rule) if part],
        "historyId": case, "testCaseId": case, "start": began, "stop": began + round(result.duration * 1000),
        "parameters": [{"name": key, "value": value} for key, value in where.items()],
        "labels": [{"name": key, "value": value} for key, value in labels(identity, list(result.tags))],
        "attachments": [{"name": "verdict", "source": card, "type": "text/html"}],
    }


def _add_pictures(folder: Path, data: dict[str, Any], scenario: Path) -> None:
    attachments = data.setdefault("attachments", [])
    known = {attachment["name"] for attachment in attachments}
    for picture in sorted(scenario.glob("*.png"), reverse=True):
        if picture.stem not in known:
            source = f"{uuid.uuid4()}-attachment.png"
            shutil.copyfile(picture, folder / source)
            attachments.insert(0, {"name": picture.stem, "source": source, "type": "image/png"})


def _environment(run: RunInfo) -> str:
    entries = {
        "testbed": run.testbed,
        "testbed.reason": run.reason,
        **{f"service.{name}": version for name, version in run.versions.items()},
        **{f"system.{name}": judged for name, judged in run.systems.items()},
        "seed": run.seed,
        "commit": run.commit,
        "started": run.started,
        "run": run.run_id,
        "calibration": run.calibration_text,
    }
    return "".join(f"{_escape(name)} = {' '.join(str(value).split())}\n" for name, value in entries.items() if value not in ("", None))


def _escape(key: str) -> str:
    """A key of a .properties file ends at the first blank, ``=`` or ``:``."""
    return "_".join(key.replace("=", "_").replace(":", "_").split())


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{uuid.uuid4()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
