"""The database: loads the state, saves what a decision changed together with its log, in one transaction."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg import AsyncConnection, OperationalError
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from .state import Instance, State, Stream

MIGRATIONS = Path(__file__).parent / "migrations"
UNREACHABLE = (OperationalError, PoolTimeout)  # what a lost or silent database looks like
WAIT = 5.0              # s for a connection from the pool
MIGRATION_LOCK = 4711   # advisory: two starting orchestrators migrate one after the other

STATE = """
    SELECT (SELECT version FROM orchestrator.catalogue),
        (SELECT coalesce(json_agg(i ORDER BY instance_id), '[]') FROM contract.instances i),
        (SELECT coalesce(json_agg(a ORDER BY stream_id), '[]') FROM contract.assignments a WHERE instance_id IS NOT NULL),
        (SELECT coalesce(json_agg(stream_id ORDER BY stream_id), '[]') FROM contract.assignments WHERE instance_id IS NULL)
"""

Connection = AsyncConnection[Any]


@dataclass(frozen=True)
class Occasion:
    """Why something is decided. ``trigger`` is one of the contract's; ``id`` marks everything that it caused."""

    trigger: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


class Store:
    """A pool of connections to the database at ``url``. Methods raise one of ``UNREACHABLE`` when it is away."""

    def __init__(self, url: str, network_timeout: float) -> None:
        self._pool = AsyncConnectionPool(
            url, min_size=2, max_size=10, open=False, timeout=min(WAIT, network_timeout), name="orchestrator",
            kwargs={
                "application_name": "orchestrator", "connect_timeout": max(2, round(min(WAIT, network_timeout))),
                "options": "-c statement_timeout=30s -c idle_in_transaction_session_timeout=30s",
            },
        )

    async def open(self) -> None:
        """Connect, and bring the schema up to date."""
        await self._pool.open()
        async with self._pool.connection() as connection:
            await _migrate(connection)

    async def close(self) -> None:
        await self._pool.close(timeout=0.5)

    async def ping(self) -> bool:
        """Whether the database answers, and has what belongs in it."""
        async with self._pool.connection() as connection:
            return await (await connection.execute("SELECT 1 FROM orchestrator.catalogue")).fetchone() is not None

    async def contract_state(self) -> dict[str, Any]:
        """What ``GET /state`` answers: one statement, therefore one state."""
        async with self._pool.connection() as connection:
            row = await (await connection.execute(STATE)).fetchone()
        assert row
        return dict(zip(("catalogue_version", "instances", "assignments", "unassigned"), row, strict=True))

    @asynccontextmanager
    async def change(self, occasion: Occasion) -> AsyncIterator[State]:
        """The present state; what the block changed in it is saved when it ends, or nothing is when it raises."""
        async with self._pool.connection() as connection:
            state = await load(connection)
            yield state
            state.finish()
            await save(connection, state, occasion)


async def load(connection: Connection) -> State:
    instances = await (await connection.execute(
        "SELECT instance_id, url, capacity, active, version FROM orchestrator.instances ORDER BY instance_id",
    )).fetchall()
    streams = await (await connection.execute(
        "SELECT s.stream_id, s.address, a.instance_id, s.held_by, s.listed"
        " FROM orchestrator.streams s LEFT JOIN orchestrator.assignments a USING (stream_id) ORDER BY s.stream_id",
    )).fetchall()
    version = await (await connection.execute("SELECT version FROM orchestrator.catalogue")).fetchone()
    assert version
    return State((Instance(*row) for row in instances), (Stream(*row) for row in streams), version[0])


async def save(connection: Connection, state: State, occasion: Occasion) -> None:
    """Write what differs from what was loaded."""
    async with connection.pipeline():
        await _save_instances(connection, state)
        await _save_streams(connection, state)
        await _save_owners(connection, state, occasion)
        await connection.execute(
            "UPDATE orchestrator.catalogue SET version = %(v)s WHERE version <> %(v)s", {"v": state.catalogue_version},
        )


async def _save_instances(connection: Connection, state: State) -> None:
    for instance in state.instances.values():
        if instance is not state.instances_before.get(instance.id):
            await connection.execute(
                "INSERT INTO orchestrator.instances (instance_id, url, capacity, active, version) VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT (instance_id) DO UPDATE SET url = excluded.url, capacity = excluded.capacity,"
                " active = excluded.active, version = excluded.version",
                (instance.id, instance.url, instance.capacity, instance.active, instance.version),
            )


async def _save_streams(connection: Connection, state: State) -> None:
    changed = [s for s in state.streams.values() if s is not state.streams_before.get(s.id)]
    gone = list(state.streams_before.keys() - state.streams.keys())
    if changed:
        await connection.execute(
            "INSERT INTO orchestrator.streams (stream_id, address, listed, held_by)"
            " SELECT * FROM unnest(%s::text[], %s::text[], %s::boolean[], %s::text[])"
            " ON CONFLICT (stream_id) DO UPDATE SET address = excluded.address, listed = excluded.listed, held_by = excluded.held_by",
            ([s.id for s in changed], [s.address for s in changed], [s.listed for s in changed], [s.held_by for s in changed]),
        )
    if gone:
        await connection.execute("DELETE FROM orchestrator.streams WHERE stream_id = ANY(%s)", (gone,))


def changes_of_owner(state: State) -> list[tuple[str, str | None, str | None]]:
    """(stream, owner before, owner now) of every stream whose owner is another."""
    changes = []
    for stream_id in sorted(state.streams.keys() | state.streams_before.keys()):
        now, before = state.streams.get(stream_id), state.streams_before.get(stream_id)
        old, new = before.owner if before else None, now.owner if now else None
        if old != new:
            changes.append((stream_id, old, new))
    return changes


async def _save_owners(connection: Connection, state: State, occasion: Occasion) -> None:
    changes = changes_of_owner(state)
    if not changes:
        return
    taken = [(stream, old) for stream, old, _ in changes if old]
    given = [(stream, new) for stream, _, new in changes if new]
    await take(connection, taken)
    await connection.execute(
        "INSERT INTO orchestrator.assignments (stream_id, instance_id) SELECT * FROM unnest(%s::text[], %s::text[])",
        ([stream for stream, _ in given], [owner for _, owner in given]),
    )
    delta = Counter(owner for _, owner in given)
    delta.subtract(Counter(owner for _, owner in taken))
    await connection.execute(
        "UPDATE orchestrator.instances i SET assigned = i.assigned + d.delta"
        " FROM unnest(%s::text[], %s::int[]) AS d (instance_id, delta) WHERE i.instance_id = d.instance_id",
        (list(delta), list(delta.values())),
    )
    await connection.execute(
        "INSERT INTO orchestrator.assignment_log (stream_id, from_instance, to_instance, trigger, trigger_id)"
        " SELECT *, %s, %s FROM unnest(%s::text[], %s::text[], %s::text[])",
        (occasion.trigger, occasion.id, [c[0] for c in changes], [c[1] for c in changes], [c[2] for c in changes]),
    )


async def take(connection: Connection, taken: list[tuple[str, str]]) -> None:
    """Remove these (stream, owner) pairs."""
    await connection.execute(
        "DELETE FROM orchestrator.assignments WHERE (stream_id, instance_id) IN (SELECT * FROM unnest(%s::text[], %s::text[]))",
        ([stream for stream, _ in taken], [owner for _, owner in taken]),
    )


async def _migrate(connection: Connection) -> None:
    """Apply, in the order of their names, the migrations that this database has not had."""
    await connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
    await connection.execute("CREATE SCHEMA IF NOT EXISTS orchestrator")
    await connection.execute("CREATE TABLE IF NOT EXISTS orchestrator.migrations (name text PRIMARY KEY)")
    done = {row[0] for row in await (await connection.execute("SELECT name FROM orchestrator.migrations")).fetchall()}
    for path in sorted(MIGRATIONS.glob("*.sql")):
        if path.name not in done:
            await connection.execute(path.read_text(encoding="utf-8").encode())
            await connection.execute("INSERT INTO orchestrator.migrations VALUES (%s)", (path.name,))
