"""The second implementation of the streams contract, tried alive on a real PostgreSQL (the judgement is the suite's: ``-D target=…``)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from puppet import Puppet
from small_suite import HERE, Link, Program, Surroundings, ask, eventually, postgres

ROOM = {"STREAMS_CAPACITY": "20"}


@pytest.fixture(scope="module")
def dsn() -> Iterator[str]:
    with postgres() as server:
        yield server


class Fleet:
    """An orchestrator with a database of its own, and whatever joins it."""

    def __init__(self, dsn: str, name: str, **environment: str) -> None:
        with psycopg.connect(f"{dsn}/postgres", autocommit=True) as connection:
            connection.execute(f"create database {name}")
        self.dsn = f"{dsn}/{name}"
        self.surroundings = Surroundings()
        settings = {
            "STREAMS_DATABASE_URL": self.dsn,
            "STREAMS_CATALOGUE_URL": f"{self.surroundings.url}/catalogue",
            "STREAMS_DISCONNECT_GRACE_SECONDS": "0.4",
        }
        self.orchestrator = Program("orchestrator", **settings, **environment)
        self.url = self.orchestrator.url
        self.programs = [self.orchestrator]
        self.ready()

    def ready(self) -> None:
        eventually(lambda: ask("GET", f"{self.url}/health"), (200, {"status": "healthy"}))

    def worker(self, name: str, **environment: str) -> Program:
        settings = {"STREAMS_ORCHESTRATOR_URL": self.url, "STREAMS_INSTANCE_ID": name, **ROOM, **environment}
        self.programs.append(Program("worker", **settings))
        return self.programs[-1]

    def catalogue(self, count: int) -> None:
        self.surroundings.set_catalogue(count)
        assert ask("POST", f"{self.url}/catalogue/refresh") == (200, {"version": self.surroundings.catalogue["version"]})

    def assigned(self) -> dict[str, int]:
        _, state = ask("GET", f"{self.url}/state")
        return {i["instance_id"]: i["assigned"] for i in state["instances"] if i["status"] == "active"} | {"queue": len(state["unassigned"])}

    def read(self) -> dict[str, int]:
        return dict(Counter(self.surroundings.readers().values()))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query).fetchall()

    def close(self) -> None:
        self.surroundings.stops_free.set()
        for program in self.programs:
            program.remove()
        self.surroundings.shutdown()
        self.surroundings.server_close()


@pytest.fixture
def fleet(dsn: str, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    fleet = Fleet(dsn, request.node.name[:50].lower())
    yield fleet
    try:
        assert fleet.surroundings.overlaps == []
        assert "not-needed" not in fleet.orchestrator.log.read_text(), "the password is in the log"
        assert "Traceback" not in "".join(p.log.read_text() for p in fleet.programs)
    finally:
        fleet.close()


def test_real_workers_come_die_and_leave(fleet: Fleet) -> None:
    fleet.catalogue(30)
    workers = {name: fleet.worker(name) for name in "ABC"}
    eventually(fleet.read, {"A": 10, "B": 10, "C": 10})
    workers["B"].kill()
    eventually(fleet.read, {"A": 15, "C": 15})
    assert workers["C"].stop() == 0
    eventually(fleet.read, {"A": 20})
    assert fleet.assigned() == {"A": 20, "queue": 10}
    workers["B"].start()
    eventually(fleet.read, {"A": 15, "B": 15})
    workers["A"].kill()
    workers["B"].kill()
    eventually(fleet.assigned, {"queue": 30})
    workers["A"].start()
    eventually(fleet.read, {"A": 20})
    in_views = [("A", "active", 20), ("B", "inactive", 0), ("C", "inactive", 0)]
    assert fleet.rows("select instance_id, status, assigned from contract.instances order by 1") == in_views
    assert fleet.rows("select count(*) from contract.assignments where instance_id = 'A'") == [(20,)]


def test_the_orchestrator_dies_while_streams_move(fleet: Fleet) -> None:
    fleet.catalogue(20)
    fleet.worker("A")
    eventually(fleet.read, {"A": 20})
    fleet.surroundings.stops_free.clear()
    fleet.worker("B")
    eventually(lambda: fleet.surroundings.stops_waiting, 10)
    logged = fleet.rows("select count(*) from contract.assignment_log")
    fleet.orchestrator.kill()
    fleet.orchestrator.start()
    fleet.ready()
    fleet.surroundings.stops_free.set()
    eventually(fleet.read, {"A": 10, "B": 10})
    assert fleet.rows("select count(*) from contract.assignment_log") == logged, "the restart moved something"
    status, answer = ask("POST", f"{fleet.url}/rebalance")
    assert (status, answer["moves"]) == (200, 0)


def test_the_receiver_dies_while_streams_move(fleet: Fleet) -> None:
    fleet.catalogue(20)
    fleet.worker("A")
    eventually(fleet.read, {"A": 20})
    fleet.surroundings.stops_free.clear()
    receiver = fleet.worker("B")
    eventually(lambda: fleet.surroundings.stops_waiting, 10)
    receiver.kill()
    eventually(fleet.assigned, {"A": 20, "queue": 0})
    fleet.surroundings.stops_free.set()
    eventually(fleet.read, {"A": 20})


def test_a_worker_that_is_cut_off_reads_on_and_gives_way_when_it_is_back(fleet: Fleet) -> None:
    fleet.catalogue(10)
    fleet.worker("A")
    link = Link(fleet.orchestrator.port)
    fleet.worker("B", STREAMS_ORCHESTRATOR_URL=link.url)
    eventually(fleet.read, {"A": 5, "B": 5})
    link.cut()
    eventually(fleet.read, {"A": 5, "A+B": 5})
    link.heal()
    eventually(fleet.read, {"A": 5, "B": 5})
    assert {readers for _, readers in fleet.surroundings.overlaps} == {frozenset("AB")}
    fleet.surroundings.overlaps.clear()  # while it was cut off: legitimate


def test_ten_register_at_once_and_one_of_them_twice(fleet: Fleet) -> None:
    fleet.catalogue(55)
    puppets = [Puppet(f"p{n}", 10, fleet.url) for n in range(10)]
    with ThreadPoolExecutor(11) as pool:
        answers = list(pool.map(Puppet.register, [*puppets, puppets[0]]))
    assert {a["status"] for a in answers} == {"active"}
    for puppet in puppets:
        puppet.connect()
    eventually(lambda: sorted(len(p.assignment["streams"]) for p in puppets), [5] * 5 + [6] * 5)
    held = [s["id"] for p in puppets for s in p.assignment["streams"]]
    assert len(set(held)) == 55
    per_trigger = "select trigger_id, count(*) from contract.assignment_log where from_instance is not null group by 1 order by 2"
    assert all(moves <= 8 for _, moves in fleet.rows(per_trigger)), "more than the share of the first newcomer that finds no queue: 55 / 7"


def test_reconnecting_in_time_moves_nothing_and_less_capacity_only_what_it_must(fleet: Fleet) -> None:
    fleet.catalogue(20)
    first, second = (Puppet(n, 20, fleet.url).join() for n in ("first", "second"))
    eventually(lambda: len(first.assignment["streams"]), 10)
    logged = fleet.rows("select max(seq) from contract.assignment_log")
    first.cut()
    first.connect()
    assert ask("POST", f"{fleet.url}/instances/first/heartbeat", {"streams": []}) == (200, {"version": first.assignment["version"]})
    threading.Event().wait(0.8)  # twice the grace: nothing may happen
    assert fleet.rows("select max(seq) from contract.assignment_log") == logged
    second.capacity = 8
    second.register()
    eventually(lambda: (len(first.assignment["streams"]), len(second.assignment["streams"])), (14, 6))
    before = second.assignment["version"]
    second.register()
    eventually(lambda: second.assignment["version"], before + 1)
    first.cut()
    eventually(fleet.assigned, {"second": 8, "queue": 12})
    assert ask("GET", f"{fleet.url}/instances/first/connection")[0] == 404


def test_only_more_than_20_points_trigger_a_rebalance(fleet: Fleet) -> None:
    fleet.catalogue(0)
    Puppet("large", 100, fleet.url).join()
    small = Puppet("small", 10, fleet.url).join()
    fleet.catalogue(46)
    eventually(lambda: len(small.assignment["streams"]), 4)
    keep = [s["id"] for s in small.assignment["streams"]]
    large = [s for s in fleet.surroundings.catalogue["streams"] if s["id"] not in keep]

    def shrink(count: int) -> None:
        streams = [s for s in fleet.surroundings.catalogue["streams"] if s["id"] in keep] + large[:count]
        fleet.surroundings.catalogue = {"version": fleet.surroundings.catalogue["version"] + 1, "streams": streams}
        assert ask("POST", f"{fleet.url}/catalogue/refresh")[0] == 200

    shrink(20)
    assert fleet.assigned() == {"large": 20, "small": 4, "queue": 0}
    shrink(19)
    assert fleet.assigned() == {"large": 20, "small": 3, "queue": 0}
    assert fleet.rows("select from_instance, to_instance from contract.assignment_log where trigger = 'imbalance'") == [("small", "large")]


BAD = [
    ("POST", "/instances", b"{", 422),
    ("POST", "/instances", {"instance_id": "a/b", "url": "http://x", "capacity": 1, "streams": []}, 422),
    ("POST", "/instances", {"instance_id": "a", "url": "http://x", "capacity": True, "streams": []}, 422),
    ("POST", "/instances", {"instance_id": "a", "url": "http://x", "capacity": 10001, "streams": []}, 422),
    ("POST", "/instances", {"instance_id": "a", "url": "x", "capacity": 1, "streams": []}, 422),
    ("POST", "/instances", {"instance_id": "a", "url": "http://x", "capacity": 1}, 422),
    ("POST", "/instances/nobody/heartbeat", {"streams": []}, 404),
    ("DELETE", "/instances/nobody", None, 404),
    ("GET", "/nothing", None, 404),
    ("PATCH", "/state", None, 405),
]


def test_bad_requests_have_one_error_format_and_change_nothing(fleet: Fleet) -> None:
    for method, path, body, expected in BAD:
        status, answer = ask(method, fleet.url + path, body)
        assert (status, set(answer["error"])) == (expected, {"code", "message", "correlation_id"}), (method, path, body)
    assert ask("GET", f"{fleet.url}/state")[1]["instances"] == []


def test_the_database_connections_are_lost(fleet: Fleet) -> None:
    puppet = Puppet("p", 10, fleet.url).join()
    end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'stdlib_streams' and datname = current_database()"
    assert fleet.rows(end) == [(True,)]
    fleet.ready()
    assert fleet.rows(end) == [(True,)]
    fleet.catalogue(7)
    eventually(lambda: len(puppet.assignment["streams"]), 7)
    assert fleet.assigned() == {"p": 7, "queue": 0}


@pytest.mark.parametrize(
    ("program", "wrong"),
    [("orchestrator", {}), ("worker", {}), ("worker", {"STREAMS_CAPACITY": "0"}), ("orchestrator", {"STREAMS_DATABASE_URL": "secret nonsense"})],
)
def test_a_bad_environment_is_one_line_and_exit_code_2(program: str, wrong: dict[str, str]) -> None:
    right = {"STREAMS_LISTEN": "127.0.0.1:1", "STREAMS_CATALOGUE_URL": "http://c", "STREAMS_ORCHESTRATOR_URL": "http://o", "STREAMS_INSTANCE_ID": "a"}
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HERE), **right, **wrong}
    done = subprocess.run([sys.executable, "-m", f"stdlib_streams.{program}"], env=environment, capture_output=True, text=True, timeout=5)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "STREAMS_" in done.stderr and "secret" not in done.stderr


def test_a_termination_that_comes_before_anybody_waits_for_it_is_not_lost() -> None:
    code = "import os; from stdlib_streams.settings import *; block_termination(); os.kill(os.getpid(), 15); await_termination(); print('ended')"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(HERE)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=5)
    assert (done.returncode, done.stdout) == (0, "ended\n")
