"""Told to stop, or killed: nothing is left behind, and what was done is still reported."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress

import psutil
import pytest

from support.deadline import until
from tests.run.conftest import Toy

TWO = ("--tags=@long or @good", "--jobs=2")


def _begun(toy: Toy, running: subprocess.Popen[str]) -> None:
    """Wait until the long scenario has its process and all others have ended, but for the one that runs alone."""
    assert running.stdout is not None
    printed, output = bytearray(), running.stdout.fileno()
    os.set_blocking(output, False)

    def short_ones_ended() -> bool:
        """The supervisor has their results once it has printed them."""
        with suppress(BlockingIOError):
            printed.extend(os.read(output, 65536))
        return printed.count(b"  met") >= 3

    def long_one_begun() -> bool:
        return "It takes long" in [scenario for scenario, _, _ in toy.noted("started.txt")]

    ready = until(lambda: (short_ones_ended() and long_one_begun()) or running.poll() is not None, within=30)
    os.set_blocking(output, True)
    assert ready and running.poll() is None, running.communicate()[0]


def _processes(toy: Toy) -> list[object]:
    return [what for what in toy.left_behind() if isinstance(what, psutil.Process)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_told_to_stop(toy: Toy, number: signal.Signals) -> None:
    running = toy.begin(*TWO)
    _begun(toy, running)
    running.send_signal(number)
    output, _ = running.communicate(timeout=30)
    assert running.returncode == 128 + number, output
    assert "stopping: everything that was started is being ended" in output
    assert "'It takes long' has no result: it is left out" in output
    assert "T1.1 met 3 of 3" in output and "2 of 6 scenarios were not run" in output
    assert (toy.directory / "reports" / "criteria.html").exists()
    assert not toy.left_behind()


def test_ctrl_c_at_the_terminal_reaches_the_supervisor_alone(toy: Toy) -> None:
    running = toy.begin(*TWO)
    _begun(toy, running)
    assert all(os.getpgid(child.pid) != os.getpgid(running.pid) for child in toy.children(running.pid))
    os.killpg(running.pid, signal.SIGINT)
    running.communicate(timeout=30)
    assert running.returncode == 130
    assert not toy.left_behind()


def test_killed_supervisor_takes_its_children_with_it(toy: Toy) -> None:
    running = toy.begin(*TWO)
    _begun(toy, running)
    children = toy.children(running.pid)
    assert len(children) == 2
    running.kill()
    running.communicate(timeout=30)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive
    assert until(lambda: not _processes(toy), within=10)  # the calibration ends by itself


def test_next_run_sweeps_what_was_killed_with_everybody(toy: Toy) -> None:
    running = toy.begin(*TWO)
    _begun(toy, running)
    for process in (*toy.children(running.pid), psutil.Process(running.pid)):
        process.kill()
    running.communicate(timeout=30)
    assert _processes(toy)  # the process that the scenario had started
    assert toy.quickly("--name=Plain").returncode == 0
    assert not toy.left_behind()


def test_a_living_run_is_not_swept(toy: Toy) -> None:
    running = toy.begin(*TWO)
    _begun(toy, running)
    assert toy.quickly("--name=Plain").returncode == 0
    assert running.poll() is None
    assert _processes(toy)
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=30)
    assert not toy.left_behind()
