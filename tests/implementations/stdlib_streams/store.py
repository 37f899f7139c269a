"""The state in PostgreSQL: loaded once for each connection, and written through, a transaction for each change."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple
from typing import Any

import psycopg

from .state import Instance, State, Stream

_LAYOUT = """
create schema if not exists fleet;
create table if not exists fleet.catalogue (only_row boolean primary key default true check (only_row), version bigint not null);
create table if not exists fleet.instance (
    id text primary key, url text not null, capacity int not null, active boolean not null, version bigint not null, assigned int not null);
create table if not exists fleet.stream (
    id text primary key, address text not null, listed boolean not null, owner text references fleet.instance (id),
    holder text references fleet.instance (id), release bigint);
create table if not exists fleet.log (
    seq bigint generated always as identity primary key, stream_id text not null, from_instance text, to_instance text,
    trigger text not null, trigger_id text not null);

create schema if not exists contract;
create or replace view contract.instances as
    select id as instance_id, case when active then 'active' else 'inactive' end as status, capacity, assigned from fleet.instance;
create or replace view contract.assignments as select id as stream_id, owner as instance_id from fleet.stream where listed;
create or replace view contract.assignment_log as select seq, stream_id, from_instance, to_instance, trigger, trigger_id from fleet.log;
"""

_PUT_INSTANCE = """
insert into fleet.instance (id, url, capacity, active, version, assigned) values (%s, %s, %s, %s, %s, %s)
on conflict (id) do update set (url, capacity, active, version, assigned) =
    (excluded.url, excluded.capacity, excluded.active, excluded.version, excluded.assigned)"""
_PUT_STREAM = """
insert into fleet.stream (id, address, listed, owner, holder, release) values (%s, %s, %s, %s, %s, %s)
on conflict (id) do update set (address, listed, owner, holder, release) =
    (excluded.address, excluded.listed, excluded.owner, excluded.holder, excluded.release)"""
_PUT_CATALOGUE = "insert into fleet.catalogue (version) values (%s) on conflict (only_row) do update set version = excluded.version"
_PUT_LOG = "insert into fleet.log (stream_id, from_instance, to_instance, trigger, trigger_id) values (%s, %s, %s, %s, %s)"

# Gone, going, or refusing to write; everything else would be a mistake of ours.
_LOST = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)

Change = tuple[str, str | None, str | None]


class StoreUnavailable(Exception):
    """The database cannot be reached, or the connection was lost; whether the last change was stored is then unknown: load again."""


def changes(before: State, after: State) -> list[Change]:
    """(stream, owner before, owner after) where they differ."""
    found = []
    for stream_id in sorted(before.streams.keys() | after.streams.keys()):
        old, new = before.streams.get(stream_id), after.streams.get(stream_id)
        owners = old.owner if old else None, new.owner if new else None
        if owners[0] != owners[1]:
            found.append((stream_id, *owners))
    return found


class Store:
    """One connection, used by one thread at a time. ``timeout``: seconds that any of its calls may take."""

    def __init__(self, url: str, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._connection: psycopg.Connection[Any] | None = None

    def load(self) -> State:
        """Connect anew and read everything; an empty database is laid out first. Raises StoreUnavailable."""
        self.close()
        try:
            self._connection = psycopg.connect(self._url, connect_timeout=max(2, round(self._timeout)), application_name="stdlib_streams")
        except psycopg.OperationalError as error:
            raise StoreUnavailable(type(error).__name__) from None
        with self._transaction() as cursor:
            cursor.execute(_LAYOUT)
            version = cursor.execute("select version from fleet.catalogue").fetchone()
            instances = cursor.execute("select id, url, capacity, active, version, assigned from fleet.instance order by id").fetchall()
            streams = cursor.execute("select id, address, listed, owner, holder, release from fleet.stream order by id").fetchall()
        return State({r[0]: Instance(*r) for r in instances}, {r[0]: Stream(*r) for r in streams}, version[0] if version else 0)

    def save(self, before: State, after: State, trigger: str, trigger_id: str) -> None:
        """Store the difference and log it, all or nothing. Raises StoreUnavailable."""
        log = [(*change, trigger, trigger_id) for change in changes(before, after)]
        with self._transaction() as cursor:
            if after.catalogue_version != before.catalogue_version:
                cursor.execute(_PUT_CATALOGUE, [after.catalogue_version])
            cursor.executemany(_PUT_INSTANCE, [astuple(i) for i in after.instances.values() if before.instances.get(i.id) != i])
            cursor.executemany(_PUT_STREAM, [astuple(s) for s in after.streams.values() if before.streams.get(s.id) != s])
            cursor.executemany("delete from fleet.stream where id = %s", [(s,) for s in before.streams.keys() - after.streams.keys()])
            cursor.executemany(_PUT_LOG, log)

    def check(self) -> None:
        """Raises StoreUnavailable unless the database answers."""
        with self._transaction() as cursor:
            cursor.execute("select 1")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Cursor[Any]]:
        connection = self._connection
        if connection is None:
            raise StoreUnavailable("not connected")
        try:
            with self._deadline(connection), connection.transaction(), connection.cursor() as cursor:
                yield cursor
        except _LOST as error:
            self.close()
            raise StoreUnavailable(type(error).__name__) from None

    @contextmanager
    def _deadline(self, connection: psycopg.Connection[Any]) -> Iterator[None]:
        """A database that accepts and never answers would keep the caller for ever: psycopg waits without a limit."""
        try:
            with socket.socket(fileno=os.dup(connection.fileno())) as wire:
                timer = threading.Timer(self._timeout, _end, [wire])
                timer.daemon = True
                timer.start()
                try:
                    yield
                finally:
                    timer.cancel()
        except OSError as error:
            raise psycopg.OperationalError(str(error)) from None


def _end(wire: socket.socket) -> None:
    with suppress(OSError):  # it has ended at this moment
        wire.shutdown(socket.SHUT_RDWR)
