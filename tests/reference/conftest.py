from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.clusters.postgres import Postgres
from support.testbed.processes import Processes

from .programs import Programs
from .surroundings import Surroundings


def no_relay() -> Any:
    raise AssertionError("these tests use no link")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with Processes(f"reference-{secrets.token_hex(4)}", no_relay) as testbed:
        server = Postgres.start(testbed)
        yield server
        server.close()


@pytest.fixture
def around() -> Iterator[Surroundings]:
    surroundings = Surroundings()
    yield surroundings
    surroundings.close()


@pytest.fixture
def programs(postgres: Postgres, around: Surroundings, tmp_path: Path) -> Iterator[Callable[..., Programs]]:
    """Makes a system (with these settings) on a database of its own, its orchestrator running."""
    database = postgres.lease()
    made: list[Programs] = []

    def make(**settings: str) -> Programs:
        made.append(Programs(around, database.dsn, tmp_path, **settings))
        made[-1].start_orchestrator()
        return made[-1]

    yield make
    for system in made:
        system.close()
    database.release()
