"""The reference as it is run: real processes, a real PostgreSQL, a small source, catalogue and clock around them."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .programs import Programs, run
from .surroundings import Surroundings, free_port, until

Make = Callable[..., Programs]


def names(count: int) -> list[str]:
    return [f"s{n:02}" for n in range(count)]


def test_join_kill_restart_and_leave(programs: Make, around: Surroundings) -> None:
    around.set_catalogue(*names(12))
    system = programs(STREAMS_DISCONNECT_GRACE_SECONDS="0.5")
    for name in "ABC":
        system.start_worker(name, 10)
    system.settled(A=4, B=4, C=4)

    system.kill("B")
    system.settled(A=6, C=6)

    before = system.rows("SELECT max(seq) FROM contract.assignment_log")
    system.kill("orchestrator")
    time.sleep(0.2)
    system.start_orchestrator()
    system.settled(A=6, C=6)
    assert system.rows("SELECT max(seq) FROM contract.assignment_log") == before

    assert system.end("A") == 0
    until(lambda: system.counts() == {"C": 10} and len(system.state()["unassigned"]) == 2, seen=system.state)
    assert system.end("orchestrator") == 0
    assert not around.overlaps


def test_a_stream_moves_only_after_the_source_has_acknowledged_the_stop(programs: Make, around: Surroundings) -> None:
    around.set_catalogue(*names(8))
    system = programs()
    system.start_worker("A", 10)
    system.settled(A=8)
    around.stops_held.set()
    system.start_worker("B", 10)
    until(lambda: system.counts() == {"A": 4, "B": 4}, seen=system.counts)
    time.sleep(3 * 0.2)
    assert all(readers == {"A"} for readers in around.readers.values())
    around.stops_held.clear()
    system.settled(A=4, B=4)
    assert not around.overlaps
    assert system.rows("SELECT count(*), count(DISTINCT trigger_id) FROM contract.assignment_log WHERE from_instance = 'A'") == [(4, 1)]
    assert system.call("POST", "/rebalance").json()["moves"] == 0


@pytest.mark.parametrize("victim", ["A", "C", "orchestrator"])
def test_whoever_dies_while_a_rebalance_runs_nothing_is_lost_or_doubled(programs: Make, around: Surroundings, victim: str) -> None:
    around.set_catalogue(*names(12))
    system = programs(STREAMS_DISCONNECT_GRACE_SECONDS="0.5")
    system.start_worker("A", 12)
    system.start_worker("B", 12)
    system.settled(A=6, B=6)
    around.stops_held.set()
    system.start_worker("C", 12)
    until(lambda: system.counts().get("C") == 4, seen=system.counts)
    system.kill(victim)
    if victim == "orchestrator":
        system.start_orchestrator()
        around.stops_held.clear()
        system.settled(A=4, B=4, C=4)
    else:
        until(lambda: victim not in system.counts(), seen=system.counts)
        around.stops_held.clear()
        system.settled(**dict.fromkeys(sorted({"A", "B", "C"} - {victim}), 6))
    assert not around.overlaps


def test_what_has_no_room_is_queued_also_over_a_restart_and_placed_when_room_appears(programs: Make, around: Surroundings) -> None:
    around.set_catalogue(*names(10))
    system = programs()
    system.start_worker("A", 6)
    system.settled(A=6)
    assert len(system.state()["unassigned"]) == 4
    system.kill("orchestrator")
    system.start_orchestrator()
    system.settled(A=6)
    system.start_worker("B", 6)
    system.settled(A=5, B=5)
    around.set_catalogue(*names(10)[:2], *(f"t{n}" for n in range(6)))
    assert system.call("POST", "/catalogue/refresh").json() == {"version": 2}
    system.settled(A=4, B=4)
    assert not around.overlaps


def test_silence_beyond_the_time_out_is_a_loss_and_the_returning_worker_registers_again(programs: Make, around: Surroundings) -> None:
    around.set_catalogue(*names(4))
    system = programs()
    system.start_worker("A", 10)
    system.start_worker("B", 10)
    system.settled(A=2, B=2)
    around.advance(60)
    os.kill(system.running["B"].pid, signal.SIGSTOP)
    around.followed.pop("B")
    for _ in range(4):  # B's last heartbeat may have come before the orchestrator had turned its own clock
        around.advance(60)
    assert system.counts() == {"A": 2, "B": 2}
    around.advance(61)
    until(lambda: system.counts() == {"A": 4}, seen=system.counts)
    os.kill(system.running["B"].pid, signal.SIGCONT)
    system.settled(A=2, B=2)


def test_registering_again_with_less_room_sheds_the_surplus(programs: Make, around: Surroundings) -> None:
    around.set_catalogue(*names(10))
    system = programs()
    system.start_worker("A", 10)
    system.start_worker("B", 10)
    system.settled(A=5, B=5)
    url = f"http://{environment_of(system, 'A')['STREAMS_LISTEN']}"
    answer = system.call("POST", "/instances", json={"instance_id": "A", "url": url, "capacity": 2, "streams": []})
    assert answer.json() == {"instance_id": "A", "status": "active", "capacity": 2, "assigned": 2}
    system.settled(A=2, B=8)
    assert not around.overlaps


def environment_of(system: Programs, name: str) -> dict[str, str]:
    lines = Path(f"/proc/{system.running[name].pid}/environ").read_text().split("\0")
    return dict(line.split("=", 1) for line in lines if "=" in line)


def test_ten_that_register_at_once_each_get_their_share(programs: Make, around: Surroundings) -> None:
    around.set_catalogue(*names(40))
    system = programs(STREAMS_DISCONNECT_GRACE_SECONDS="60")

    def register(number: int) -> int:
        body = {"instance_id": f"i{number % 10}", "url": "http://127.0.0.1:1", "capacity": 10, "streams": []}
        return system.call("POST", "/instances", json=body).status_code

    with ThreadPoolExecutor(20) as pool:
        assert set(pool.map(register, range(20))) == {200}
    assert system.counts() == {f"i{n}": 4 for n in range(10)}


def test_errors_have_one_format_and_change_nothing(programs: Make, around: Surroundings) -> None:
    system = programs()
    good = {"instance_id": "A", "url": "http://127.0.0.1:1", "capacity": 5, "streams": []}
    bad = [{}, [], {**good, "capacity": 0}, {**good, "capacity": True}, {**good, "capacity": 10_001}, {**good, "instance_id": "a b"},
           {**good, "url": "file:///etc"}, {**good, "streams": [1]}, {**good, "streams": None}]
    answers = [(422, system.call("POST", "/instances", json=body)) for body in bad]
    answers += [(422, system.call("POST", "/instances", content=b"{")), (404, system.call("GET", "/nowhere"))]
    answers += [(404, system.call("DELETE", "/instances/A")), (404, system.call("GET", "/instances/A/connection"))]
    answers += [(404, system.call("POST", "/instances/A/heartbeat", json={"streams": []})), (405, system.call("PUT", "/state"))]
    for status, answer in answers:
        assert answer.status_code == status, answer.text
        assert set(answer.json()["error"]) == {"code", "message", "correlation_id"}
    assert system.state()["instances"] == []
    assert "streams_active_instances 0.0" in system.call("GET", "/metrics").text


def test_no_database_means_503_and_no_password_in_the_log(around: Surroundings, tmp_path: Path) -> None:
    system = Programs(around, f"postgresql://someone:geheim@127.0.0.1:{free_port()}/nothing", tmp_path)
    system.start_orchestrator(until_status=503)
    assert system.call("GET", "/health").json() == {"status": "unhealthy"}
    answer = system.call("GET", "/state")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert system.end("orchestrator") == 0
    assert "geheim" not in system.log("orchestrator")
    assert all({"time", "level", "message", "correlation_id"} <= json.loads(line).keys() for line in system.log("orchestrator").splitlines())


def test_broken_database_connections_are_replaced_and_no_loss_is_missed(programs: Make, around: Surroundings) -> None:
    around.set_catalogue(*names(6))
    system = programs(STREAMS_DISCONNECT_GRACE_SECONDS="0.5")
    system.start_worker("A", 10)
    system.start_worker("B", 10)
    system.settled(A=3, B=3)
    system.rows("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'orchestrator'")
    system.kill("B")
    until(lambda: system.call("GET", "/health").status_code == 200)
    system.settled(A=6)


def test_without_a_virtual_clock_a_changed_catalogue_is_found_by_itself(programs: Make, around: Surroundings) -> None:
    around.set_catalogue(*names(2))
    system = programs(STREAMS_CLOCK_URL="", STREAMS_CHECK_INTERVAL_SECONDS="0.2")
    system.start_worker("A", 10)
    system.settled(A=2)
    around.set_catalogue("s01", "new", "newer")
    system.settled(A=3)


@pytest.mark.parametrize(("program", "wrong", "said"), [
    ("orchestrator", {"STREAMS_LISTEN": ""}, "STREAMS_LISTEN is required"),
    ("orchestrator", {"STREAMS_DATABASE_URL": "mysql://root:geheim@x"}, "STREAMS_DATABASE_URL cannot be used"),
    ("orchestrator", {"STREAMS_CHECK_INTERVAL_SECONDS": "soon"}, "STREAMS_CHECK_INTERVAL_SECONDS cannot be used"),
    ("worker", {"STREAMS_CAPACITY": "0"}, "STREAMS_CAPACITY cannot be used"),
    ("worker", {"STREAMS_CAPACITY": "many"}, "STREAMS_CAPACITY cannot be used"),
    ("worker", {"STREAMS_INSTANCE_ID": "a b"}, "STREAMS_INSTANCE_ID cannot be used"),
    ("worker", {"STREAMS_LISTEN": ""}, "STREAMS_LISTEN is required"),
    ("worker", {"STREAMS_LISTEN": "192.0.2.1:80"}, "cannot listen"),
])
def test_bad_configuration_is_one_line_and_exit_code_2(program: str, wrong: dict[str, str], said: str) -> None:
    good = {"STREAMS_LISTEN": "127.0.0.1:1", "STREAMS_DATABASE_URL": "postgresql://x", "STREAMS_CATALOGUE_URL": "http://x",
            "STREAMS_ORCHESTRATOR_URL": "http://x", "STREAMS_INSTANCE_ID": "A", "STREAMS_CAPACITY": "1"}
    done = run(program, **{**good, **wrong})
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert said in done.stderr
    assert "geheim" not in done.stderr
