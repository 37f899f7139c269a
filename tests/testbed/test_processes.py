"""Nodes as processes: real ones, with children, signals and files."""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from support.deadline import until
from support.outcomes import BadInput
from support.testbed import shared_memory
from support.testbed.interface import Node, NodeSpec
from support.testbed.ports import reserve
from support.testbed.processes import Processes
from support.testbed.runs import folder

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a program as somebody else")
PYTHON = sys.executable

SERVER = """
import socket, sys
listener = socket.create_server((sys.argv[1], int(sys.argv[2])))
while True:
    connection, _ = listener.accept()
    connection.sendall(b"hello")
    connection.close()
"""


def no_relay() -> None:
    raise AssertionError("no link is asked for here")


@pytest.fixture
def testbed() -> Iterator[Processes]:
    with Processes(f"test-{secrets.token_hex(4)}", no_relay) as made:
        yield made


def shell(testbed: Processes, script: str, **how: object) -> Node:
    return testbed.node(NodeSpec("node", ["sh", "-c", script], **how))


def said(node: Node, words: str) -> bool:
    return bool(until(lambda: words in node.log(), within=5))


def ended(node: Node) -> bool:
    return bool(until(lambda: not node.alive(), within=5))


def sleepers(marker: str) -> list[psutil.Process]:
    """Living processes ``sleep marker``."""
    found = [p for p in psutil.process_iter(["cmdline", "status"]) if p.info["cmdline"] == ["sleep", marker]]
    return [p for p in found if p.info["status"] != psutil.STATUS_ZOMBIE]


def test_placeholders_are_filled_in_command_environment_and_files(testbed):
    files = {"conf/a.txt": "{port:http} {other}"}
    node = shell(testbed, 'echo "$ADDRESS" {data}; cat conf/a.txt', ports=["http"], env={"ADDRESS": "{listen}:{port:http}"}, files=files)
    node.start()
    assert ended(node)
    address, data, *content = node.log().split()
    assert address == str(node.address("http")) and Path(data).is_dir()
    assert content == [str(node.address("http").port), "{other}"]


def test_nothing_of_the_suites_environment_gets_in(testbed, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    node = shell(testbed, "env")
    node.configure({"LATER": "{data}"})
    names = {line.split("=")[0] for line in node.run(["env"]).stdout.splitlines()}
    assert names == {"PATH", "LANG", "HOME", "TMPDIR", "HOLDFAST_RUN", "HOLDFAST_NODE", "LATER"}


def test_address_and_data_survive_kill_and_start(testbed):
    node = testbed.node(NodeSpec("server", [PYTHON, "-c", SERVER, "{listen}", "{port:tcp}"], ports=["tcp"]))
    address = node.address("tcp")

    def greeted() -> bool:
        try:
            with socket.create_connection((address.host, address.port), timeout=1) as connection:
                return connection.recv(10) == b"hello"
        except ConnectionError:
            return False

    node.put("kept", "x")
    for _ in range(2):
        node.start()
        assert until(greeted, within=5)
        node.kill()
        assert not node.alive() and node.exit_code() == 137 and not greeted()
    assert node.address("tcp") == address
    assert node.run(["cat", "kept"]).stdout == "x"


def test_start_of_a_running_node_is_refused(testbed):
    node = shell(testbed, "exec sleep 60")
    node.start()
    with pytest.raises(RuntimeError, match="is running"):
        node.start()


def test_kill_reaches_children_in_sessions_of_their_own_and_orphans(testbed):
    marker = str(secrets.randbelow(10**6) + 10**6)
    node = shell(testbed, f"setsid env -i sleep {marker} & (setsid sleep {marker} &) ; sleep {marker}")
    node.start()
    assert until(lambda: len(sleepers(marker)) == 3, within=5)
    node.kill()
    assert sleepers(marker) == []


def test_freeze_stops_children_too_and_thaw_lets_them_go_on(testbed):
    node = shell(testbed, "(while :; do echo child; sleep 0.01; done) & while :; do echo main; sleep 0.01; done")
    node.start()
    assert said(node, "child") and said(node, "main")
    node.freeze()
    frozen = node.log()
    time.sleep(0.1)
    assert node.log() == frozen and node.alive()
    node.thaw()
    assert until(lambda: node.log() != frozen, within=5)


def test_a_frozen_node_can_be_killed_and_started(testbed):
    node = shell(testbed, "echo up; exec sleep 60")
    node.start()
    node.freeze()
    node.kill()
    assert not node.alive()
    node.start()
    assert node.alive() and said(node, "up")


def test_stop_is_graceful_and_after_the_grace_it_is_not(testbed):
    graceful = shell(testbed, "trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done")
    stubborn = shell(testbed, "trap '' TERM; echo up; while :; do sleep 0.01; done")
    for node in (graceful, stubborn):
        node.start()
        assert said(node, "up")
    assert graceful.stop() == 7
    assert stubborn.stop(grace=0.1) == 137


def test_signal_goes_to_the_main_process_and_a_dead_node_has_none(testbed):
    node = shell(testbed, "trap 'echo got; exit 0' USR1; echo up; while :; do sleep 0.01; done")
    node.start()
    assert said(node, "up")
    node.signal(signal.SIGUSR1)
    assert ended(node) and said(node, "got") and node.exit_code() == 0
    with pytest.raises(ProcessLookupError):
        node.signal(signal.SIGUSR1)


def test_run_answers_with_code_and_both_outputs(testbed):
    node = shell(testbed, "exec sleep 60")
    done = node.run(["sh", "-c", "cat; echo wrong >&2; exit 3"], stdin="typed")
    assert (done.code, done.stdout, done.stderr) == (3, "typed", "wrong\n")
    with pytest.raises(TimeoutError, match="took longer"):
        node.run(["sleep", "60"], timeout=0.05)


def test_secrets_are_scrubbed_wherever_text_comes_out(testbed):
    node = shell(testbed, "echo password=$PASSWORD", env={"PASSWORD": "hush"}, secrets=["hush"])
    node.start()
    assert ended(node) and node.log() == "password=***\n"
    assert node.run(["sh", "-c", "echo $PASSWORD; echo $PASSWORD >&2"]).stderr == "***\n"


def test_a_missing_program_is_bad_input(testbed):
    node = testbed.node(NodeSpec("mistyped", ["no-such-program"]))
    with pytest.raises(BadInput, match="mistyped: cannot start no-such-program"):
        node.start()


def test_memory_is_capped(testbed):
    node = testbed.node(NodeSpec("hungry", [PYTHON, "-c", "x = bytearray(300 * 2**20)"], memory_mb=200))
    node.start()
    assert ended(node) and "MemoryError" in node.log()


@as_root
def test_unprivileged_is_never_root_and_its_data_is_its_own(testbed):
    node = shell(testbed, "id -un; touch {data}/mine && cat given && echo done", user="unprivileged", files={"given": "given\n"})
    node.start()
    assert ended(node) and node.log() == "nobody\ngiven\ndone\n"


def test_close_leaves_neither_process_nor_folder():
    marker = str(secrets.randbelow(10**6) + 10**6)
    with Processes(f"test-{secrets.token_hex(4)}", no_relay) as testbed:
        node = shell(testbed, f"exec sleep {marker}")
        node.start()
        node.freeze()
    node.remove()
    assert sleepers(marker) == [] and not folder(testbed.run_id).exists()


def test_nodes_die_with_the_process_that_started_them():
    marker = str(secrets.randbelow(10**6) + 10**6)
    program = f"""
import os, signal
from support.testbed.interface import NodeSpec
from support.testbed.processes import Processes
Processes("test-{secrets.token_hex(4)}", None).node(NodeSpec("n", ["sleep", "{marker}"])).start()
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([PYTHON, "-c", program], check=False).returncode == -signal.SIGKILL
    assert until(lambda: sleepers(marker) == [], within=5)


def test_forked_children_remove_their_own_nodes_and_no_others(testbed):
    shared = shell(testbed, "exec sleep 60")
    shared.start()
    child = os.fork()
    if child == 0:
        own = shell(testbed, "exec sleep 60")
        own.start()
        ok = own.alive() and shared.alive() and own.run(["true"]).code == 0
        testbed.close()
        os._exit(0 if ok and not own.alive() and shared.alive() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert shared.alive()
    shared.kill()
    assert not shared.alive() and shared.exit_code() == 137


def test_a_fork_sees_and_can_end_what_its_parent_started(testbed):
    shared = shell(testbed, "exec sleep 60")
    shared.start()
    child = os.fork()
    if child == 0:
        shared.kill()
        os._exit(0 if not shared.alive() and shared.exit_code() is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not shared.alive() and shared.exit_code() == 137


def test_reserved_ports_are_exclusive_until_released():
    ports = [reserve() for _ in range(50)]
    program = "from support.testbed.ports import reserve\nfor p in [reserve() for _ in range(50)]: print(p.number)"
    others = {int(line) for line in subprocess.run([PYTHON, "-c", program], capture_output=True, text=True, check=True).stdout.split()}
    assert len({p.number for p in ports} | others) == 100
    again = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    with again, pytest.raises(OSError, match="in use"):
        again.bind(f"\0holdfast-port-{ports[0].number}")
    for port in ports:
        port.release()


def test_a_port_that_anybody_listens_on_is_not_reserved(monkeypatch):
    taken, free = reserve(), reserve()
    monkeypatch.setattr("support.testbed.ports._candidates", lambda: [taken.number, free.number])
    taken.release()
    free.release()
    with socket.create_server(("127.0.0.1", taken.number)):
        found = reserve()
    assert found.number == free.number
    found.release()


MAKE_SEGMENT = """
import ctypes, sys, time
segment = ctypes.CDLL(None).shmget(0, 64, 0o1600)
assert segment >= 0
print("made", segment, flush=True)
time.sleep(60)
"""


def segment_of(node: Node) -> int:
    assert said(node, "made ")
    return int(node.log().split()[1])


def left(segment: int) -> bool:
    return any(segment == there for there, *_ in shared_memory.segments())


@pytest.mark.parametrize("script", ["exec \"$@\"", "\"$@\" & wait"], ids=["main process", "child"])
def test_shared_memory_goes_with_the_node_that_made_it(testbed, script):
    node = testbed.node(NodeSpec("node", ["sh", "-c", script, "sh", PYTHON, "-c", MAKE_SEGMENT]))
    node.start()
    segment = segment_of(node)
    if script.startswith("exec"):
        node.kill()
    assert left(segment)  # it outlives a kill, so that a node may be started again
    node.remove()
    assert not left(segment)


def test_shared_memory_of_others_is_left_alone(testbed):
    libc = ctypes.CDLL(None)
    mine = libc.shmget(0, 64, 0o1600)
    try:
        node = shell(testbed, "sleep 60")
        node.start()
        node.remove()
        assert left(mine)
    finally:
        libc.shmctl(mine, 0, None)
