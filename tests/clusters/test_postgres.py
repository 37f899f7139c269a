"""PostgreSQL on the processes testbed: started, leased, and never telling a password."""

from __future__ import annotations

import os
import secrets
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from support.clusters import postgres_binaries
from support.clusters.postgres import Postgres
from support.outcomes import BadInput
from support.testbed import shared_memory
from support.testbed.processes import Processes
from tests.testbed.test_processes import no_relay


@pytest.fixture(scope="module")
def testbed() -> Iterator[Processes]:
    with Processes(f"test-{secrets.token_hex(4)}", no_relay) as made:
        yield made


@pytest.fixture(scope="module")
def server(testbed: Processes) -> Postgres:
    return Postgres.start(testbed)


@pytest.fixture(autouse=True)
def fresh_search() -> Iterator[None]:
    postgres_binaries.find.cache_clear()
    yield
    postgres_binaries.find.cache_clear()


def names(server: Postgres, catalogue: str) -> set[str]:
    column = {"pg_database": "datname", "pg_roles": "rolname"}[catalogue]
    with server.connect() as connection:
        return {name for name, in connection.execute(f"SELECT {column} FROM {catalogue}")}


def test_the_wheel_has_a_server_that_starts(testbed):
    server = Postgres.start(testbed, binaries="wheel")
    assert server.version.startswith("18.")
    server.close()


def test_the_version_is_the_servers_own(server):
    with server.connect() as connection:
        assert connection.execute("SHOW server_version").fetchone()[0].split()[0] == server.version


def test_a_leased_database_is_empty_and_its_owner_may_do_everything_in_it(server):
    database = server.lease()
    with psycopg.connect(database.dsn) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')").fetchone() == (0,)
        connection.execute("CREATE SCHEMA contract")
        connection.execute("CREATE TABLE contract.rows (id int)")
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)
    database.release()


def test_a_lease_cannot_log_in_elsewhere_with_its_password(server):
    one, other = server.lease(), server.lease()
    wrong = other.dsn.replace(other.secrets[0], one.secrets[0])
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)
    one.release()
    other.release()


def test_release_drops_database_and_role_whoever_is_connected_and_can_be_repeated(server):
    database = server.lease()
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        database.release()
        database.release()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert database.name not in names(server, "pg_database") | names(server, "pg_roles")


def test_leases_work_from_forked_children(server):
    child = os.fork()
    if child == 0:
        database = server.lease()
        with psycopg.connect(database.host_dsn) as connection:
            connection.execute("SELECT 1")
        database.release()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_no_password_in_process_list_log_file_or_repr(server):
    database = server.lease()
    with psycopg.connect(database.dsn) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT * FROM missing")
    hidden = [*database.secrets, *server.node.spec.secrets]
    shown = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    shown += [server.node.log(), repr(database), server.node.run(["sh", "-c", "cat password pgdata/*.conf 2>&1"]).stdout]
    assert len(hidden) == 2 and not [secret for secret in hidden for text in shown if secret in text]
    assert "missing" in server.node.log() and not (Path(server.node.run(["pwd"]).stdout.strip()) / "password").exists()
    database.release()


def test_what_was_committed_survives_kill_and_start(testbed):
    server = Postgres.start(testbed)
    database = server.lease()
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS id")
        server.node.kill()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    server.node.start()
    server.await_ready()
    with psycopg.connect(database.dsn) as connection:
        assert connection.execute("SELECT id FROM kept").fetchone() == (1,)
    server.close()


def test_durable_means_fsync(testbed, server):
    durable = Postgres.start(testbed, durable=True)
    settings = []
    for one in (server, durable):
        with one.connect() as connection:
            settings.append(connection.execute("SHOW fsync").fetchone()[0])
    assert settings == ["off", "on"]
    durable.close()


def test_a_server_that_ends_says_its_last_words(testbed, monkeypatch):
    monkeypatch.setitem(__import__("support.clusters.postgres", fromlist=["_"])._SETTINGS, "max_connections", "none")
    with pytest.raises(RuntimeError, match=r"PostgreSQL ended with exit code 1: .*max_connections"):
        Postgres.start(testbed)


def test_no_postgresql_at_all_is_bad_input(monkeypatch):
    monkeypatch.setattr(postgres_binaries, "_installed", lambda: None)
    monkeypatch.setattr(postgres_binaries, "find_spec", lambda _: None)
    with pytest.raises(BadInput, match=r"no PostgreSQL from 14 on is found \(auto\)"):
        postgres_binaries.find()


def test_an_installed_one_that_is_too_old_is_passed_over(monkeypatch, tmp_path):
    for program in ("postgres", "initdb"):
        (tmp_path / program).write_text('#!/bin/sh\necho "postgres (PostgreSQL) 13.2"\n')
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert postgres_binaries.find("wheel" if not postgres_binaries._installed() else "auto") != tmp_path


def test_the_wheel_under_a_private_home_is_copied_once_for_every_user(monkeypatch, tmp_path):
    monkeypatch.setattr(postgres_binaries, "_open_to_all", lambda _: False)
    monkeypatch.setattr(postgres_binaries, "_CACHES", tmp_path)
    umask = os.umask(0o077)
    place = postgres_binaries.find("wheel")
    os.umask(umask)
    assert place.is_relative_to(tmp_path)
    for program in ("postgres", "psql"):  # psql needs the wheel's bundled libraries
        assert "18." in subprocess.run([place / program, "--version"], capture_output=True, text=True, check=True).stdout
    [copy] = (tmp_path / f"holdfast-cache-{os.geteuid()}").iterdir()
    copied = [copy.parent, copy, *copy.rglob("*")]
    assert not [path for path in copied if not path.is_symlink() and not path.stat().st_mode & stat.S_IROTH]
    before = place.stat().st_ctime_ns
    postgres_binaries.find.cache_clear()
    assert postgres_binaries.find("wheel") == place and place.stat().st_ctime_ns == before


def test_a_cache_that_somebody_else_can_write_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(postgres_binaries, "_open_to_all", lambda _: False)
    monkeypatch.setattr(postgres_binaries, "_CACHES", tmp_path)
    cache = tmp_path / f"holdfast-cache-{os.geteuid()}"
    cache.mkdir()
    cache.chmod(0o777)
    with pytest.raises(BadInput, match="is not this user's own folder"):
        postgres_binaries.find("wheel")


def test_a_closed_server_leaves_no_shared_memory(testbed):
    server = Postgres.start(testbed)
    with server.connect() as connection:
        place, = connection.execute("SHOW data_directory").fetchone()
        kind, = connection.execute("SHOW dynamic_shared_memory_type").fetchone()
    pid = int(Path(place, "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
    assert kind == "mmap"  # its files are in the data directory
    assert pid in {maker for _, maker, *_ in shared_memory.segments()}
    server.close()
    assert pid not in {maker for _, maker, *_ in shared_memory.segments()}
