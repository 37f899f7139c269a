"""PostgreSQL as one node, and databases of it to lease."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from support.clusters.postgres_binaries import find
from support.deadline import until
from support.testbed.interface import HOST, Node, NodeSpec, Testbed

_READY_SECONDS = 30.0
_CONNECT_SECONDS = 5

# $0 the data directory, $1 the password file, the rest goes to the server. The password never becomes an argument.
_START = """
set -e
data=$0; password=$1; shift
if [ ! -s "$data/PG_VERSION" ]; then
    initdb --pgdata="$data" --username=holdfast --pwfile="$password" --auth=scram-sha-256 --encoding=UTF8 --no-locale --no-sync >/dev/null
    echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
fi
rm -f "$password"
exec postgres -D "$data" "$@"
"""

_SETTINGS = {
    "listen_addresses": "{listen}",
    "port": "{port:sql}",
    "unix_socket_directories": "",
    "max_connections": "300",
    "log_line_prefix": "%m [%p] %u@%d ",
    "log_lock_waits": "on",
    "dynamic_shared_memory_type": "mmap",  # in its own folder: what is in /dev/shm would outlive a kill
}
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}  # survives every end of its processes, not one of the machine


@dataclass(frozen=True)
class Database:
    """A leased, empty database, owned by a role of its own. ``dsn`` is for the viewer that asked for it, ``host_dsn`` for this machine."""

    name: str
    dsn: str = field(repr=False)
    host_dsn: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    server: Postgres = field(repr=False)

    def release(self) -> None:
        """Drop it with its role, whoever is connected. Can be called twice."""
        names = {"name": sql.Identifier(self.name)}
        with self.server.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {name} WITH (FORCE)").format(**names))
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {name}").format(**names))


class Postgres:
    """One running server. Holds no connection, so forked children may use it, too."""

    def __init__(self, node: Node, password: str) -> None:
        self.node = node
        self._password = password
        self.version = ""

    @classmethod
    def start(cls, testbed: Testbed, *, image: str = "postgres:18", binaries: str = "auto", durable: bool = False) -> Postgres:
        """``launch`` a server and return when it answers. RuntimeError: see ``await_ready``."""
        server = cls.launch(testbed, image=image, binaries=binaries, durable=durable)
        try:
            server.await_ready()
        except BaseException:
            server.close()
            raise
        return server

    @classmethod
    def launch(cls, testbed: Testbed, *, image: str = "postgres:18", binaries: str = "auto", durable: bool = False) -> Postgres:
        """Start a server; ``await_ready`` before anything else. ``binaries`` is for processes: see ``postgres_binaries.find``.

        BadInput: there is no PostgreSQL to start.
        """
        password = secrets.token_urlsafe(24)
        server = cls(testbed.node(_spec(image, binaries, durable, password)), password)
        try:
            server.node.start()
        except BaseException:
            server.close()
            raise
        return server

    def dsn(self, database: str = "postgres", seen_from: str | Node = HOST) -> str:
        """The superuser's DSN. Never log it."""
        return self._dsn("holdfast", self._password, database, seen_from)

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A superuser's connection from this machine, in autocommit. psycopg.OperationalError: the server does not answer."""
        return psycopg.connect(self.dsn(database), autocommit=True, connect_timeout=_CONNECT_SECONDS)

    def lease(self, seen_from: str | Node = HOST) -> Database:
        """A new, empty database. Its role may do everything in it, and is no superuser."""
        name, password = f"lease_{secrets.token_hex(6)}", secrets.token_urlsafe(24)
        names = {"name": sql.Identifier(name)}
        with self.connect() as connection:
            verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")  # so that no statement log shows it
            connection.execute(sql.SQL("CREATE ROLE {name} LOGIN PASSWORD {verifier}").format(verifier=sql.Literal(verifier.decode()), **names))
            connection.execute(sql.SQL("CREATE DATABASE {name} TEMPLATE template0 OWNER {name}").format(**names))
        return Database(name, self._dsn(name, password, name, seen_from), self._dsn(name, password, name, HOST), (password,), self)

    def close(self) -> None:
        """Remove the server with everything in it. Can be called twice."""
        self.node.remove()

    def _dsn(self, role: str, password: str, database: str, seen_from: str | Node) -> str:
        return f"postgresql://{role}:{password}@{self.node.address('sql', seen_from)}/{database}"

    def await_ready(self) -> None:
        """Return when it answers, after every start. RuntimeError: it ended or was not ready within 30 s; with its last words."""
        version = until(self._ask_version, within=_READY_SECONDS)
        if version is None:
            raise RuntimeError(f"PostgreSQL was not ready within {_READY_SECONDS:.0f} s: {_last_words(self.node)}")
        self.version = version

    def _ask_version(self) -> str | None:
        if not self.node.alive():
            raise RuntimeError(f"PostgreSQL ended with exit code {self.node.exit_code()}: {_last_words(self.node)}")
        try:
            with self.connect() as connection:
                return str(connection.info.parameter_status("server_version")).split()[0]
        except psycopg.OperationalError:  # not yet
            return None


def _spec(image: str, binaries: str, durable: bool, password: str) -> NodeSpec:
    settings = _SETTINGS if durable else _SETTINGS | _NOT_DURABLE
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return NodeSpec(
        name="postgres",
        command=["sh", "-c", _START, "{data}/pgdata", "{data}/password", *options],
        ports=["sql"],
        env={"TZ": "UTC"},  # initdb would look for the machine's
        files={"password": password},
        image=image,
        binaries=lambda: find(binaries),
        user="unprivileged",
        secrets=[password],
    )


def _last_words(node: Node) -> str:
    return " | ".join(node.log().splitlines()[-5:]) or "it said nothing"
