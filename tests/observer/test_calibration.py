"""The calibration: what it makes of a known instrument, and that it runs at all. How good the instrument is, the benchmark prints."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from support.evidence.history import SECOND, Event, History
from support.observer.calibration import Calibration, Outage, judge
from support.outcomes import CouldNotJudge

PERIOD = SECOND // 20


def recorded(down: range, *, probes: int = 60, slip: int = 0, latency: int = 2_000_000) -> History:
    """Probes of a schedule that begins at 0; those in ``down`` failed."""
    events = [Event(0, "prober", "probing", {"name": "p", "rate": 20.0, "timeout": 0.3, "first": 0})]
    for k in range(probes):
        sent = k * PERIOD + slip
        done = sent + latency
        data = {"name": "p", "scheduled": k * PERIOD, "sent": sent, "done": done, "ok": k not in down}
        events.append(Event(done, "prober", "probe", data))
    return History(events)


def test_a_true_instrument_has_no_bias_and_the_error_of_its_period() -> None:
    outage = Outage(stop=10 * PERIOD - 1_000_000, resume=20 * PERIOD - 1_000_000, silent=False)
    assert judge(recorded(range(10, 20)), {"p": outage}) == Calibration(rto_error_s=0.003, availability_bias=0.0, slip_p99_s=0.0, samples=1)


def test_an_instrument_that_misses_failures_shows_as_bias() -> None:
    outage = Outage(stop=10 * PERIOD - 1_000_000, resume=25 * PERIOD - 1_000_000, silent=False)
    calibration = judge(recorded(range(10, 22), slip=7_000_000), {"p": outage})
    assert calibration.availability_bias == pytest.approx(100 * 3 / 60)
    assert calibration.rto_error_s == pytest.approx(3 * 0.05 - 0.010, abs=0.001)
    assert calibration.slip_p99_s == 0.007


def test_an_outage_that_was_not_seen_to_end_cannot_calibrate() -> None:
    outage = Outage(stop=10 * PERIOD, resume=20 * PERIOD, silent=False)
    with pytest.raises(CouldNotJudge, match="could not judge most of the simulated outages: not recovered"):
        judge(recorded(range(10, 60)), {"p": outage})


def test_the_real_instrument_sees_every_outage(tmp_path: Path) -> None:
    out = tmp_path / "calibration.json"
    done = subprocess.run(
        [sys.executable, "-m", "support.observer.calibration", "--seconds", "1.2", "--out", str(out)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == json.loads(out.read_text())
    calibration = Calibration(**json.loads(done.stdout))
    assert 3 <= calibration.samples <= 6
    assert 0 < calibration.rto_error_s < 0.5
    assert abs(calibration.availability_bias) < 5


def test_ended_early_it_leaves_nothing_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-m", "support.observer.calibration"], env=environment) as process:
        deadline = time.monotonic() + 10
        while not list(tmp_path.glob("*/observer.jsonl")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        [services] = psutil.Process(process.pid).children()
        process.terminate()
    assert process.returncode == 143
    assert list(tmp_path.iterdir()) == []
    services.wait(5)
