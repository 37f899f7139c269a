"""A real observer process for all of these tests, and a scope in it for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.evidence.history import Event, History, HistoryReader
from support.observer.process import ObserverProcess

LISTEN = "127.0.0.1"


class OpenScope:
    """A scope of the observer under test: its operations, its base URL, its history."""

    def __init__(self, observer: ObserverProcess, name: str, directory: Path) -> None:
        self.observer = observer
        self.name = name
        self._reader = HistoryReader(directory)
        self.file = directory / "observer.jsonl"
        self.url: str = observer.call("open", scope=name, directory=str(directory))["urls"][LISTEN]

    def call(self, op: str, **args: Any) -> Any:
        return self.observer.call(op, scope=self.name, **args)

    def history(self) -> History:
        return self._reader.read()

    def events(self, *whats: str) -> list[Event]:
        return self.history().of(*whats)

    def wait_for(self, what: str, count: int = 1, seconds: float = 10.0, **data: Any) -> list[Event]:
        """The events of this kind with these values, once there are so many."""
        deadline = time.monotonic() + seconds
        while True:
            found = [e for e in self.events(what) if data.items() <= e.data.items()]
            if len(found) >= count:
                return found
            assert time.monotonic() < deadline, f"{len(found)} of {count} events {what} {data}"
            time.sleep(0.01)


@pytest.fixture(scope="session")
def observer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObserverProcess]:
    directory = tmp_path_factory.mktemp("observer")
    with ObserverProcess.start(directory, [LISTEN], ["support.systems.streams.observers"]) as process:
        yield process
    assert "Traceback" not in process.log.read_text()


@pytest.fixture
def scope(observer: ObserverProcess, tmp_path: Path) -> Iterator[OpenScope]:
    opened = OpenScope(observer, tmp_path.name, tmp_path)
    yield opened
    observer.call("close", scope=opened.name)


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=15, trust_env=False) as client:
        yield client


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    def poll(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < deadline, "it did not come true"
            time.sleep(0.01)
        return value

    return poll
