"""``python -m tests.benchmark.instrument``: the instrument's own error on simulated outages, with an idle and with a busy parent process.

The parent stands for behave's process: its work must not show, since observers are processes of their own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import Any

ROUNDS = 3
LIMIT_SECONDS = 0.055


def calibration(busy: bool) -> dict[str, Any]:
    """One calibration in a process of its own, while this one waits or computes."""
    with subprocess.Popen([sys.executable, "-m", "support.observer.calibration"], stdout=subprocess.PIPE, text=True) as process:
        while busy and process.poll() is None:
            end = time.monotonic() + 0.1
            while time.monotonic() < end:
                sum(i * i for i in range(1000))
        output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"the calibration ended with exit code {process.returncode}")
    result: dict[str, Any] = json.loads(output)
    return result


def main() -> None:
    print(f"{'parent':8}{'outages':>8}{'RTO error, largest':>22}{'availability bias':>22}{'slip P99':>12}")
    for name, busy in (("idle", False), ("busy", True)):
        for _ in range(ROUNDS):
            found = calibration(busy)
            mark = "" if found["rto_error_s"] <= LIMIT_SECONDS and not found["availability_bias"] else "  beyond ± 55 ms / 0"
            print(
                f"{name:8}{found['samples']:8}{1000 * found['rto_error_s']:19.1f} ms{found['availability_bias']:16.2f} points"
                f"{1000 * found['slip_p99_s']:9.1f} ms{mark}"
            )


if __name__ == "__main__":
    main()
