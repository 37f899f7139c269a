"""What a killed run leaves is found by the next one; what lives is not touched."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.deadline import until
from support.testbed.interface import NodeSpec
from support.testbed.processes import Processes
from support.testbed.runs import end_run, folder, lives, register_run
from support.testbed.sweep import sweep
from tests.testbed.test_processes import MAKE_SEGMENT, left, no_relay, sleepers

# A supervisor with a node whose child has left its session: that one does not die with the supervisor.
SUPERVISOR = """
import os, signal, sys
from support.testbed.interface import NodeSpec
from support.testbed.processes import Processes
run_id, marker, end = sys.argv[1:]
node = Processes(run_id, None).node(NodeSpec("n", ["sh", "-c", f"setsid sleep {marker} & sleep {marker}"]))
node.start()
print("up", flush=True)
sys.stdin.readline()
if end == "crash":
    raise RuntimeError("a hook fails")
os.kill(os.getpid(), signal.SIGKILL)
"""


class Supervisor:
    """Another run on this machine."""

    def __init__(self, end: str = "kill", **env: str) -> None:
        self.run_id = f"test-{secrets.token_hex(4)}"
        self.marker = str(secrets.randbelow(10**6) + 10**6)
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, self.run_id, self.marker, end],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **env},
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"up\n"
        assert until(lambda: len(sleepers(self.marker)) == 2, within=5)

    def end(self) -> None:
        self.process.communicate(b"\n")


@pytest.fixture
def other() -> Iterator[Supervisor]:
    other = Supervisor()
    yield other
    other.end()
    sweep()


@pytest.mark.parametrize("end", ["kill", "crash"])
def test_what_a_run_left_is_removed_by_the_next(end):
    run = Supervisor(end)
    run.end()
    assert not lives(run.run_id) and folder(run.run_id).exists() and sleepers(run.marker)
    sweep()  # another run may be at it at the same time
    assert until(lambda: not sleepers(run.marker) and not folder(run.run_id).exists(), within=10)


def test_shared_memory_goes_with_the_folder_of_its_run():
    program = f"""
import os, signal, sys
from support.testbed.interface import NodeSpec
from support.testbed.processes import Processes
node = Processes(sys.argv[1], None).node(NodeSpec("n", [sys.executable, "-c", {MAKE_SEGMENT!r}]))
node.start()
print(segment_of(node), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    run = [sys.executable, "-c", f"from tests.testbed.test_processes import segment_of\n{program}", f"test-{secrets.token_hex(4)}"]
    segment = int(subprocess.run(run, stdout=subprocess.PIPE, check=False).stdout)
    sweep()
    assert until(lambda: not left(segment), within=10)


def test_living_runs_are_never_touched(other):
    with Processes(f"test-{secrets.token_hex(4)}", no_relay) as mine:
        node = mine.node(NodeSpec("n", ["sleep", "60"]))
        node.start()
        swept = sweep()
        assert other.run_id not in swept and mine.run_id not in swept
        assert node.alive() and folder(mine.run_id).exists()
    assert len(sleepers(other.marker)) == 2 and lives(other.run_id)


def test_a_living_run_with_another_temporary_folder_is_not_touched(tmp_path):
    tmp_path.chmod(0o711)
    other = Supervisor(TMPDIR=str(tmp_path))
    assert other.run_id not in sweep() and len(sleepers(other.marker)) == 2
    other.end()
    sweep()
    assert until(lambda: not sleepers(other.marker), within=10)


def test_a_half_deleted_folder_is_finished():
    half = folder(f"test-{secrets.token_hex(4)}")
    (half / "node-1").mkdir(parents=True)
    sweep()
    assert until(lambda: not half.exists(), within=10)


def test_a_run_id_is_taken_once():
    run_id = f"test-{secrets.token_hex(4)}"
    register_run(run_id)
    program = f"from support.testbed.runs import register_run; register_run({run_id!r})"
    again = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert again.returncode == 1 and "Address already in use" in again.stderr
    end_run(run_id)
    assert not lives(run_id)


def test_a_run_lives_until_its_last_fork_is_gone():
    run_id = f"test-{secrets.token_hex(4)}"
    program = f"""
import os, sys
from support.testbed.runs import register_run
register_run({run_id!r})
if os.fork():
    os._exit(0)
print(os.getpid(), flush=True)
sys.stdin.readline()
"""
    run = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert run.stdout is not None
    fork = int(run.stdout.readline())
    assert run.wait() == 0 and lives(run_id)
    os.kill(fork, signal.SIGKILL)
    assert until(lambda: not lives(run_id), within=5)
    run.communicate()
    sweep()
    assert until(lambda: not Path(folder(run_id)).exists(), within=10)
