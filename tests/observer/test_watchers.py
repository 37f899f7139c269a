"""The watchers on a real PostgreSQL with the contract's views, and on an API that changes and breaks."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import pytest

from support.clusters.postgres import Database, Postgres
from support.observer.rpc import OperationFailed
from support.testbed.processes import Processes
from tests.observer.conftest import LISTEN, OpenScope

CONTRACT = """
CREATE SCHEMA contract;
CREATE TABLE contract.instances (instance_id text, status text, capacity int, assigned int);
CREATE TABLE contract.assignments (stream_id text, instance_id text);
CREATE TABLE contract.assignment_log
    (seq bigserial, stream_id text, from_instance text, to_instance text, trigger text, trigger_id text);
INSERT INTO contract.instances VALUES ('A', 'active', 20, 1);
INSERT INTO contract.assignments VALUES ('s1', 'A'), ('s2', NULL);
"""
LOG = "INSERT INTO contract.assignment_log (stream_id, to_instance, trigger, trigger_id) VALUES (%s, 'A', 'leave', 't1')"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    def no_relay() -> Any:
        raise AssertionError("these tests need no link")

    with Processes(f"test-watchers-{secrets.token_hex(4)}", no_relay) as testbed:
        server = Postgres.start(testbed)
        yield server
        server.close()


@pytest.fixture
def database(postgres: Postgres) -> Iterator[Database]:
    leased = postgres.lease()
    with psycopg.connect(leased.host_dsn, autocommit=True) as connection:
        connection.execute(CONTRACT)
    yield leased
    leased.release()


@pytest.fixture
def sql(database: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database.host_dsn, autocommit=True) as connection:
        yield connection


def test_the_database_is_recorded_when_it_changes(scope: OpenScope, database: Database, sql: psycopg.Connection[Any]) -> None:
    scope.call("streams.watch_database", dsn=database.host_dsn, interval=0.02)
    [first] = scope.wait_for("database")
    assert first["instances"] == [{"instance_id": "A", "status": "active", "capacity": 20, "assigned": 1}]
    assert first["assignments"] == [["s1", "A"], ["s2", None]]
    assert first["log"] == []
    assert first.t - first["asked"] > 0
    scope.wait_for("database-same", count=3)
    with sql.transaction():
        sql.execute("UPDATE contract.assignments SET instance_id = 'A' WHERE stream_id = 's2'")
        sql.execute(LOG, ("s2",))
    second = scope.wait_for("database", count=2)[1]
    assert second["assignments"] == [["s1", "A"], ["s2", "A"]]
    assert second["log"] == [
        {"seq": 1, "stream_id": "s2", "from_instance": None, "to_instance": "A", "trigger": "leave", "trigger_id": "t1"}
    ]
    assert len(scope.events("database")) == 2


def test_a_row_of_the_log_that_is_committed_late_is_not_missed(scope: OpenScope, database: Database, sql: psycopg.Connection[Any]) -> None:
    scope.call("streams.watch_database", dsn=database.host_dsn, interval=0.02)
    scope.wait_for("database")
    with psycopg.connect(database.host_dsn) as slow:
        slow.execute(LOG, ("late",))
        sql.execute(LOG, ("early",))
        scope.wait_for("database", count=2)
    events = scope.wait_for("database", count=3)
    assert [[row["stream_id"] for row in e["log"]] for e in events] == [[], ["early"], ["late"]]


def test_numbers_of_the_log_need_not_grow_with_the_commits(scope: OpenScope, database: Database, sql: psycopg.Connection[Any]) -> None:
    scope.call("streams.watch_database", dsn=database.host_dsn, interval=0.02)
    scope.wait_for("database")
    for count, (number, stream) in enumerate([(3 * 10**12, "s3"), (10**12, "s1"), (2 * 10**12, "s2")], start=2):
        sql.execute("INSERT INTO contract.assignment_log VALUES (%s, %s, NULL, 'A', 'leave', 't1')", (number, stream))
        assert [row["stream_id"] for row in scope.wait_for("database", count=count)[-1]["log"]] == [stream]
    sql.execute("DELETE FROM contract.assignment_log WHERE stream_id = 's1'")
    assert scope.wait_for("database", count=5)[-1]["rewritten"] == [10**12]


def test_rows_of_the_log_that_change_or_go_are_noticed_once(scope: OpenScope, database: Database, sql: psycopg.Connection[Any]) -> None:
    scope.call("streams.watch_database", dsn=database.host_dsn, interval=0.02)
    scope.wait_for("database")
    for stream in ("s1", "s2", "s3"):
        sql.execute(LOG, (stream,))
    scope.wait_for("database", count=2)
    with sql.transaction():
        sql.execute("DELETE FROM contract.assignment_log WHERE stream_id = 's2'")
        sql.execute("UPDATE contract.assignment_log SET trigger = 'manual' WHERE stream_id = 's3'")
    scope.wait_for("database-same", count=len(scope.events("database-same")) + 5)
    assert [number for e in scope.events("database") for number in e["rewritten"]] == [2, 3]


def test_a_look_is_recorded_and_returned_though_nothing_changed(scope: OpenScope, database: Database) -> None:
    assert scope.call("streams.look") == {"database": None, "api": None}
    scope.call("streams.watch_database", dsn=database.host_dsn, interval=60)
    scope.wait_for("database")
    looked = scope.call("streams.look")
    assert looked["database"]["assignments"] == [["s1", "A"], ["s2", None]]
    assert len(scope.events("database")) == 1
    assert len(scope.events("database-same")) >= 1


def test_a_database_that_is_away_is_asked_again(scope: OpenScope, database: Database, postgres: Postgres) -> None:
    scope.call("streams.watch_database", dsn=database.host_dsn, interval=0.02)
    scope.wait_for("database")
    with postgres.connect() as admin:
        admin.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holdfast-watcher'")
        scope.wait_for("database-error", count=2)
        admin.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS true")
    assert scope.wait_for("database", count=2)[1]["assignments"] == [["s1", "A"], ["s2", None]]


def test_missing_views_are_an_error_not_a_crash(scope: OpenScope, database: Database, sql: psycopg.Connection[Any]) -> None:
    sql.execute("DROP SCHEMA contract CASCADE")
    scope.call("streams.watch_database", dsn=database.host_dsn, interval=0.02)
    [error, *_] = scope.wait_for("database-error")
    assert error["error"].startswith("UndefinedTable")
    assert scope.call("streams.look")["database"]["error"].startswith("UndefinedTable")


def test_the_watched_database_cannot_be_changed_by_watching(scope: OpenScope, database: Database, sql: psycopg.Connection[Any]) -> None:
    sql.execute("CREATE FUNCTION contract.spoil() RETURNS text LANGUAGE sql AS $$ DELETE FROM contract.assignments RETURNING 'x' $$")
    sql.execute("DROP TABLE contract.instances")
    sql.execute("CREATE VIEW contract.instances AS SELECT contract.spoil() AS instance_id, 'active' AS status, 1 AS capacity, 1 AS assigned")
    scope.call("streams.watch_database", dsn=database.host_dsn, interval=0.02)
    assert scope.wait_for("database-error")[0]["error"].startswith("ReadOnlySqlTransaction")


def test_the_password_is_written_nowhere(scope: OpenScope, database: Database) -> None:
    [password] = database.secrets
    wrong = database.host_dsn.replace("@", "-wrong@")
    scope.call("streams.watch_database", dsn=wrong, interval=0.02)
    scope.wait_for("database-error", count=2)
    scope.call("streams.watch_database", dsn=database.host_dsn, interval=0.02)
    scope.wait_for("database")
    with pytest.raises(OperationFailed, match="cannot be parsed") as refused:
        scope.call("streams.watch_database", dsn=f"postgresql://u:{password}@h:1/d?nonsense=1")
    assert password not in str(refused.value)
    assert password not in scope.file.read_text()
    assert password not in scope.observer.log.read_text()


class Api:
    """An orchestrator's ``GET /state``, as the test wants it."""

    def __init__(self) -> None:
        self.status, self.body = 200, b""
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(api.status if self.path == "/state" else 404)
                self.end_headers()
                self.wfile.write(api.body)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer((LISTEN, 0), Handler)
        self.url = f"http://{LISTEN}:{self.server.server_port}"

    def show(self, **state: Any) -> None:
        self.body = json.dumps({"catalogue_version": 1, "instances": [], "assignments": [], "unassigned": [], **state}).encode()


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    threading.Thread(target=api.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield api
    api.server.shutdown()
    api.server.server_close()


def test_the_api_is_recorded_when_it_changes(scope: OpenScope, api: Api) -> None:
    api.show(what="an unknown field is ignored", t=0)
    scope.call("streams.watch_api", url=api.url, interval=0.02)
    [first] = scope.wait_for("api")
    assert first.data == {"asked": first["asked"], "catalogue_version": 1, "instances": [], "assignments": [], "unassigned": []}
    scope.wait_for("api-same", count=2)
    api.show(unassigned=["s1"])
    assert scope.wait_for("api", count=2)[1]["unassigned"] == ["s1"]
    assert scope.call("streams.look")["api"]["unassigned"] == ["s1"]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [(503, b"{}", "status 503"), (200, b"not json", "not JSON"), (200, b"[]", "not an object"), (200, b'{"instances": []}', "not an object with")],
)
def test_a_bad_answer_is_an_error_and_asked_again(scope: OpenScope, api: Api, status: int, body: bytes, error: str) -> None:
    api.status, api.body = status, body
    scope.call("streams.watch_api", url=api.url, interval=0.02)
    assert error in scope.wait_for("api-error", count=2)[0]["error"]
    api.status = 200
    api.show()
    scope.wait_for("api")


def test_unwatch_ends_the_looking(scope: OpenScope, api: Api, eventually: Callable[[Callable[[], Any]], Any]) -> None:
    api.show()
    scope.call("streams.watch_api", url=api.url, interval=0.02)
    scope.wait_for("api")
    scope.call("streams.unwatch")
    looks = len(scope.events("api", "api-same"))
    scope.wait_for("tick", count=len(scope.events("tick")) + 2)
    assert len(scope.events("api", "api-same")) == looks
    assert scope.call("streams.look") == {"database": None, "api": None}
