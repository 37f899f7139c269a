"""A testbed and a PostgreSQL for systems that are not the suite's."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from support.clusters.postgres import Postgres
from support.testbed.processes import Processes


def no_relay() -> Any:
    raise AssertionError("nothing here uses a link")


@pytest.fixture(scope="module")
def testbed() -> Iterator[Processes]:
    with Processes(f"target-{secrets.token_hex(4)}", no_relay) as testbed:
        yield testbed


@pytest.fixture(scope="module")
def postgres(testbed: Processes) -> Iterator[Postgres]:
    server = Postgres.start(testbed)
    yield server
    server.close()
