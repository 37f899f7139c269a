"""One scenario inside an observer process: its history file, its tasks, and what the plugins keep of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from support.evidence.history import Segment

HISTORY = "observer.jsonl"

T = TypeVar("T")
logger = logging.getLogger(__name__)


class Scope:
    """``urls`` maps each listen address to the base URL under which this scope's HTTP is served."""

    def __init__(self, name: str, directory: Path, urls: dict[str, str]) -> None:
        self.name = name
        self.directory = directory
        self.urls = urls
        self.open = True
        self.closing = contextlib.AsyncExitStack()  # what its parts want done at the close, last in, first out
        self._segment = Segment(directory / HISTORY, by="observer")
        self._parts: dict[Callable[[Scope], Any], Any] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def part(self, kind: Callable[[Scope], T]) -> T:
        """The scope's one part of this kind, made by ``kind(scope)`` when first asked for."""
        if kind not in self._parts:
            self._parts[kind] = kind(self)
        part: T = self._parts[kind]
        return part

    def record(self, what: str, *, by: str, t: int | None = None, **data: Any) -> None:
        """Append an event to ``observer.jsonl``. What still comes in after the close belongs to no scenario and is dropped."""
        if self.open:
            self._segment.record(what, t=t, by=by, **data)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run ``work`` beside; it is cancelled with the scope. An exception that it did not expect is recorded."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def move(self, directory: Path) -> None:
        """Go on with the history in another directory of the same file system; what was recorded is there, too."""
        (self.directory / HISTORY).rename(directory / HISTORY)  # it stays open
        self.directory = directory

    async def close(self) -> None:
        """End everything that belongs to the scope, then its history."""
        try:
            await self.closing.aclose()
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.open = False
            self._segment.close()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            logger.error("a task of scope %s failed", self.name, exc_info=error)
            self.record("observer-error", by="observer", error=type(error).__name__)
