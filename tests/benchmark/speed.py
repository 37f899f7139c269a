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


def run(*options: str) -> tuple[float, str, dict[str, float]]:
    """Wall seconds, what was printed (the plan before), and how long each scenario lasted, of one run on processes."""
    with tempfile.TemporaryDirectory() as reports:
        command = [sys.executable, "-m", "behave", "-D", "testbed=processes", "-D", f"reports={reports}", *options]
        plan = subprocess.run([*command, "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        begun = time.monotonic()
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        wall = time.monotonic() - begun
        timing = json.loads((Path(reports) / "timing.json").read_text(encoding="utf-8"))
    return wall, plan + ran.stdout, {s["id"].partition("/")[2]: s["duration"] for s in timing["scenarios"]}


def main() -> None:
    for title, options in (("everything", ()), ("@smoke", ("--tags=@smoke",))):
        wall, printed, scenarios = run(*options)
        quick = [scenarios[name] for name in re.findall(r"^ +R\S+ +(.+?) +about 1 s$", printed, re.MULTILINE)]  # no step declares a wait
        ready = re.search(r"PostgreSQL \S+ after ([\d.]+) s", printed)
        print(f"{title:11} {wall:5.1f} s · {len(scenarios)} scenarios · PostgreSQL ready after {ready[1] if ready else '?'} s · "
              f"median of the {len(quick)} that had nothing to wait for {statistics.median(quick) if quick else 0:.2f} s")


if __name__ == "__main__":
    main()
