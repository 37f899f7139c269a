"""How fast a run is, on this machine, now: ``python -m tests.benchmark.speed``. Prints; judges nothing."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
WAITS = 2.0  # s; a scenario that waited longer than this had to: for a grace, or because it watched that nothing happens


def run(*options: str) -> tuple[float, str, list[dict[str, float]]]:
    """Wall seconds, what was printed, and each scenario's times, of one run on processes."""
    with tempfile.TemporaryDirectory() as reports:
        command = [sys.executable, "-m", "behave", "-D", "testbed=processes", "-D", f"reports={reports}", *options]
        begun = time.monotonic()
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        wall = time.monotonic() - begun
        timing = json.loads((Path(reports) / "timing.json").read_text(encoding="utf-8"))
    return wall, ran.stdout, [{**s["times"], "duration": s["duration"]} for s in timing["scenarios"]]


def main() -> None:
    for title, options in (("everything", ()), ("@smoke", ("--tags=@smoke",))):
        wall, printed, scenarios = run(*options)
        quick = [s["duration"] for s in scenarios if s["waiting"] <= WAITS]
        ready = re.search(r"PostgreSQL \S+ after ([\d.]+) s", printed)
        print(f"{title:11} {wall:5.1f} s · {len(scenarios)} scenarios · PostgreSQL ready after {ready[1] if ready else '?'} s · "
              f"median of the {len(quick)} that had nothing to wait for {statistics.median(quick) if quick else 0:.2f} s")


if __name__ == "__main__":
    main()
