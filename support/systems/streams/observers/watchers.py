"""What the system says of itself, again and again: its database views (one snapshot) and its API.

Events, all with ``asked``: the state was so at some moment between ``asked`` (ns, before the question) and ``t`` (the answer was in).

- database {instances, assignments, log}: something changed since the last look. ``instances`` are [{instance_id, status, capacity,
  assigned}], ``assignments`` [[stream, instance or null]], ``log`` the rows that were not seen before [{seq, stream_id,
  from_instance, to_instance, trigger, trigger_id}], ``rewritten`` the numbers of recent rows that are gone or not what they were;
- api {catalogue_version, instances, assignments, unassigned}: something changed; as ``GET /state`` says it;
- database-same, api-same: nothing changed;
- database-error, api-error {error}: no answer, or not a valid one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from typing import Any

import httpx
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from support.observer.rpc import OperationFailed
from support.observer.scope import Scope
from support.tls import trusted

_TIMEOUT_SECONDS = 5.0
_CANCEL_SECONDS = 0.3
_BRISK_INTERVAL = 0.05  # seconds between two looks while the state changes, so that nobody has to wait for the next one
_BRISK_FOR = 0.5        # seconds after the last change
_RECENT_ROWS = 1000     # below the highest number, read again with every look; all others when their count is not what it was
_LEAST_NUMBER = -(2**63)
_LOG_ABOVE = "SELECT seq, stream_id, from_instance, to_instance, trigger, trigger_id FROM contract.assignment_log WHERE seq > %s ORDER BY seq"
_STATE_FIELDS = ("catalogue_version", "instances", "assignments", "unassigned")


class LookFailed(Exception):
    """No valid answer. The message is fit to be recorded: it holds no secret."""


class Watcher(ABC):
    """Looks at one thing at an interval, more often while it changes, and whenever it is asked to."""

    name: str

    def __init__(self, scope: Scope, interval: float) -> None:
        self._scope = scope
        self._interval = interval
        self._looking = asyncio.Lock()
        self._last: dict[str, Any] | None = None
        self._brisk_until = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = self._scope.spawn(self._watch())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._disconnect()

    async def look(self) -> dict[str, Any]:
        """One look, recorded: the state, or ``{"error": text}``."""
        async with self._looking:
            asked = time.monotonic_ns()
            try:
                state = await self._ask_in_time()
            except LookFailed as error:
                self._last = None
                self._scope.record(f"{self.name}-error", by="watcher", asked=asked, error=str(error))
                await self._disconnect()
                return {"error": str(error)}
            if self._changed(state):
                self._scope.record(self.name, by="watcher", asked=asked, **state)
                self._brisk_until = time.monotonic() + _BRISK_FOR
            else:
                self._scope.record(f"{self.name}-same", by="watcher", asked=asked)
            self._last = state
            return state

    async def _watch(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(_BRISK_INTERVAL if time.monotonic() < self._brisk_until else self._interval)

    async def _ask_in_time(self) -> dict[str, Any]:
        """``_ask``, but no answer for too long is a failure, too."""
        asking = asyncio.ensure_future(self._ask())
        try:
            await asyncio.wait({asking}, timeout=_TIMEOUT_SECONDS)
        finally:
            while not asking.done():  # psycopg tries to cancel its query at the server first; the second interruption ends that, too
                asking.cancel()
                await asyncio.wait({asking}, timeout=_CANCEL_SECONDS)
            if not asking.cancelled():
                asking.exception()  # looked at, even if nobody waits for this look any more
        if asking.cancelled():
            raise LookFailed(f"no answer within {_TIMEOUT_SECONDS:g} s")
        return asking.result()

    def _changed(self, state: dict[str, Any]) -> bool:
        return state != self._last

    @abstractmethod
    async def _ask(self) -> dict[str, Any]:
        """The present state. Raises LookFailed."""

    @abstractmethod
    async def _disconnect(self) -> None: ...


class DatabaseWatcher(Watcher):
    """Reads the three views of the contract in one read-only snapshot."""

    name = "database"

    def __init__(self, scope: Scope, dsn: str, interval: float) -> None:
        super().__init__(scope, interval)
        try:
            parameters = conninfo_to_dict(dsn)
        except psycopg.ProgrammingError:
            raise OperationFailed("the DSN cannot be parsed") from None  # its message could quote the password
        self._dsn = make_conninfo(dsn, application_name="holdfast-watcher", connect_timeout=5)
        self._password = str(parameters.get("password") or "")
        self._connection: psycopg.AsyncConnection[dict[str, Any]] | None = None
        self._seen: dict[int, dict[str, Any]] = {}  # rows of the log by their number

    async def _ask(self) -> dict[str, Any]:
        try:
            if self._connection is None:
                self._connection = await psycopg.AsyncConnection.connect(self._dsn, row_factory=dict_row)
                await self._connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
                await self._connection.set_read_only(True)
            async with self._connection.transaction():
                state = await self._snapshot(self._connection)
        except psycopg.Error as error:
            raise LookFailed(self._describe(error)) from None
        self._seen.update((row["seq"], row) for row in state["log"])  # only now: nothing can keep it from being recorded any more
        for number in state["rewritten"]:
            del self._seen[number]
        return state

    async def _snapshot(self, connection: psycopg.AsyncConnection[dict[str, Any]]) -> dict[str, Any]:
        async def rows(query: str, *values: Any) -> list[dict[str, Any]]:
            return await (await connection.execute(query, values)).fetchall()

        instances = await rows("SELECT instance_id, status, capacity, assigned FROM contract.instances ORDER BY instance_id")
        assignments = await rows("SELECT stream_id, instance_id FROM contract.assignments ORDER BY stream_id")
        oldest = max(self._seen, default=0) - _RECENT_ROWS
        log = await rows(_LOG_ABOVE, oldest)
        [total] = await rows("SELECT count(*) FROM contract.assignment_log")
        if total["count"] != len(log) + sum(number <= oldest for number in self._seen):  # numbers need not grow with the commits
            oldest = _LEAST_NUMBER
            log = await rows(_LOG_ABOVE, oldest)
        there = {row["seq"]: row for row in log}
        return {
            "instances": instances,
            "assignments": [[row["stream_id"], row["instance_id"]] for row in assignments],
            "log": [row for row in log if row["seq"] not in self._seen],
            "rewritten": [number for number, row in self._seen.items() if number > oldest and there.get(number) != row],
        }

    def _changed(self, state: dict[str, Any]) -> bool:
        last = self._last or {}
        return bool(state["log"] or state["rewritten"]) or any(state[view] != last.get(view) for view in ("instances", "assignments"))

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            await connection.close()

    def _describe(self, error: psycopg.Error) -> str:
        text = " ".join(str(error).split())
        return f"{type(error).__name__}: " + (text.replace(self._password, "***") if self._password else text)


class ApiWatcher(Watcher):
    """Asks ``GET /state``."""

    name = "api"

    def __init__(self, scope: Scope, url: str, interval: float) -> None:
        super().__init__(scope, interval)
        self._url = f"{url.rstrip('/')}/state"
        self._client = httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False, verify=trusted())
        self._answer = b""
        self._state: Any = None

    async def _ask(self) -> dict[str, Any]:
        try:
            response = await self._client.get(self._url)
            if response.status_code != 200:
                raise LookFailed(f"status {response.status_code}")
            if self._last is None or response.content != self._answer:  # a large state is parsed only when it is another one
                self._answer = response.content
                self._state = response.json()
            return {field: self._state[field] for field in _STATE_FIELDS}
        except httpx.HTTPError as error:
            raise LookFailed(f"{type(error).__name__}: {error}") from None
        except ValueError:
            raise LookFailed("the answer is not JSON") from None
        except (TypeError, KeyError):
            raise LookFailed(f"the answer is not an object with {', '.join(_STATE_FIELDS)}") from None

    async def _disconnect(self) -> None:
        """Nothing is kept that a failure could spoil: the client drops broken connections itself."""

    async def stop(self) -> None:
        await super().stop()
        await self._client.aclose()


class Watchers(dict[str, Watcher]):
    """The watchers of a scope by name: ``database``, ``api``."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        scope.closing.push_async_callback(self.stop)

    async def watch(self, watcher: Watcher) -> None:
        """Start it, in place of one of the same name."""
        if before := self.pop(watcher.name, None):
            await before.stop()
        self[watcher.name] = watcher
        watcher.start()

    async def look(self) -> dict[str, Any]:
        states = await asyncio.gather(*(watcher.look() for watcher in self.values()))
        return {"database": None, "api": None} | dict(zip(self, states, strict=True))

    async def stop(self) -> None:
        for watcher in list(self.values()):
            await watcher.stop()
        self.clear()
