"""Whether an orchestrator's HTTP interface keeps to ``contract/openapi.yaml``, before it is judged by what it does.

Schemathesis asks it valid and hostile things, an orchestrator that is started for that, on a database of its own and with an
empty catalogue. One that runs already is only read from: nobody wants made-up instances there.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from support.evidence.contract import ContractFindings
from support.outcomes import BadInput, CouldNotJudge
from support.scene.scene import Scene
from support.systems.streams.orchestrator import Orchestrator
from support.systems.streams.site import Site

CONTRACT = Path(__file__).parent / "contract"
ASKS_FOR = 10.0         # seconds at most
MISSING = (httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED)  # where no id can be unknown
PROBE = "contract-probe"
CONNECTED_WITHIN = 2.0  # seconds; "at once"
OPTIONAL = {"refresh": "refresh", "rebalance": "rebalance"}  # capability → operation


def check(scene: Scene) -> ContractFindings:
    """Ask the target's orchestrator. What it cannot be asked, because it does not start, is a finding, too."""
    site = Site(scene.session, scene.directory)
    scene.cleanup(site.close)
    lacks = [operation for capability, operation in OPTIONAL.items() if not site.has(capability)]
    try:
        orchestrator = site.orchestrator
        orchestrator.wait_ready()
    except (CouldNotJudge, BadInput) as error:
        return ContractFindings("streams", "it does not start", (str(error),))
    if site.runs_already:
        cases, findings = _ask(orchestrator, scene, ["--include-method", "GET"])
        return ContractFindings("streams", f"it runs already, so it was only read from: {cases}", tuple(findings))
    without = [word for operation in lacks for word in ("--exclude-operation-id", operation)]
    cases, findings = _ask(orchestrator, scene, without)
    return ContractFindings("streams", cases, (*findings, *_connection(orchestrator)))


def _ask(orchestrator: Orchestrator, scene: Scene, selection: list[str]) -> tuple[str, list[str]]:
    """How many requests Schemathesis made, and what it found. It is cut short where they take long."""
    cut_short = ""
    report = scene.directory / "schemathesis.ndjson"
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONTRACT / "schemathesis.toml"),
        "run", str(CONTRACT / "openapi.yaml"), "--url", orchestrator.url, "--seed", str(scene.session.seed),
        "--report", "ndjson", "--report-ndjson-path", str(report), *selection,
    ]
    with (scene.directory / "schemathesis.log").open("wb") as log:
        try:
            subprocess.run(command, cwd=scene.directory, env={**os.environ, "NO_COLOR": "1"}, stdin=subprocess.DEVNULL,
                           stdout=log, stderr=log, timeout=ASKS_FOR, check=False)
        except subprocess.TimeoutExpired:
            cut_short = f", cut short after {ASKS_FOR:g} s"
    *lines, _incomplete = report.read_text(encoding="utf-8").split("\n") if report.exists() else [""]
    events = [json.loads(line) for line in lines]
    recorders = [event["ScenarioFinished"]["recorder"] for event in events if "ScenarioFinished" in event]
    if not recorders and not cut_short:
        raise RuntimeError(f"Schemathesis did not run: {log.name}")
    found = [finding for recorder in recorders for finding in _findings(recorder)]
    errors = [f"{event['NonFatalError'].get('label', '')}: {_error(event['NonFatalError'])}" for event in events if "NonFatalError" in event]
    requests = sum(len(recorder["interactions"]) for recorder in recorders)
    return f"{requests} requests{cut_short}", list(dict.fromkeys([*found, *errors]))


def _findings(recorder: dict[str, Any]) -> Iterator[str]:
    """One line for each kind of failure of an operation, with what was answered; the first example stands for all."""
    told: set[str] = set()
    for case, checks in recorder["checks"].items():
        failures = [check["failure_info"]["failure"] for check in checks if check["status"] == "failure"]
        answer = recorder["interactions"][case]["response"] or {}
        for failure in failures:
            if failure["title"] != "Server error" and answer.get("status_code", 0) >= httpx.codes.INTERNAL_SERVER_ERROR:
                continue  # told already, as a server error
            what = f"{recorder['label']}: {_what(recorder['label'], failure, answer)}"
            if what not in told:
                told.add(what)
                yield f"{what} - answered {answer.get('status_code', 'nothing')} {_body(answer)}".rstrip()


def _what(operation: str, failure: dict[str, Any], answer: dict[str, Any]) -> str:
    if answer.get("status_code") in MISSING and "{" not in operation:
        return "there is no such thing"
    detail = " ".join(failure["message"].split("Validated against")[0].split())[:160]
    return ": ".join(part for part in (failure["title"].lower(), detail) if part)


def _body(answer: dict[str, Any]) -> str:
    content = (answer.get("content") or {}).get("$base64", "")
    return " ".join(base64.b64decode(content).decode("utf-8", errors="replace").split())[:100]


def _error(event: dict[str, Any]) -> str:
    return " ".join(json.dumps(event.get("value", event)).split())[:200]


def _connection(orchestrator: Orchestrator) -> Iterator[str]:
    """The held connection, which no generator of requests can judge: it never ends."""
    asked = {"instance_id": PROBE, "url": "http://127.0.0.1:9", "capacity": 1, "streams": []}
    path = f"/instances/{PROBE}/connection"
    with httpx.Client(base_url=orchestrator.url, timeout=CONNECTED_WITHIN, trust_env=False) as client:
        try:
            before = client.get(path).status_code
            if before != httpx.codes.NOT_FOUND:
                yield f"GET {path}: 404 is due before the instance registers - answered {before}"
            registered = client.post("/instances", json=asked).status_code
            with client.stream("GET", path) as answer:
                first = next(answer.iter_bytes(), b"") if answer.status_code == httpx.codes.OK else b""
                if first[:10] != b"connected\n":
                    due = f'200 and "connected" are due at once (the registration was answered {registered})'
                    yield f"GET {path}: {due} - answered {answer.status_code} {first[:60]!r}"
        except httpx.HTTPError as error:
            yield f"GET {path}: nothing came within {CONNECTED_WITHIN:g} s ({type(error).__name__})"
