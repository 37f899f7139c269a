"""Runs the reference's programs as a user would: processes with environment variables."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import psycopg

from .surroundings import Surroundings, free_port, until

HOME = Path(__file__).parents[2] / "support" / "references" / "streams"


def environment(**settings: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("STREAMS_")}
    return {**kept, "PYTHONPATH": str(HOME), **settings}


def run(program: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a program that is expected to end by itself."""
    command = [sys.executable, "-m", f"reference_streams.{program}"]
    return subprocess.run(command, env=environment(**settings), capture_output=True, text=True, timeout=20, check=False)


class Programs:
    """One orchestrator and its workers beside ``around``, on the database ``dsn``."""

    def __init__(self, around: Surroundings, dsn: str, logs: Path, **settings: str) -> None:
        self.around, self.dsn, self.logs, self.settings = around, dsn, logs, settings
        self.listen = f"127.0.0.1:{free_port()}"
        self.url = f"http://{self.listen}"
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start_orchestrator(self, until_status: int = 200) -> None:
        """Returns once its health check is answered with this status."""
        self._start("orchestrator", "orchestrator", STREAMS_LISTEN=self.listen, STREAMS_DATABASE_URL=self.dsn,
                    STREAMS_CATALOGUE_URL=f"{self.around.url}/catalogue")
        until(lambda: self.health() == until_status, seen=lambda: self.log("orchestrator"))

    def health(self) -> int | None:
        try:
            return httpx.get(f"{self.url}/health").status_code
        except httpx.TransportError:
            return None

    def start_worker(self, name: str, capacity: int) -> None:
        self._start("worker", name, STREAMS_LISTEN=f"127.0.0.1:{free_port()}", STREAMS_ORCHESTRATOR_URL=self.url,
                    STREAMS_INSTANCE_ID=name, STREAMS_CAPACITY=str(capacity))

    def _start(self, program: str, name: str, **settings: str) -> None:
        settings = {"STREAMS_CLOCK_URL": f"{self.around.url}/clock", **settings, **self.settings}
        with (self.logs / f"{name}.log").open("ab") as log:
            command = [sys.executable, "-m", f"reference_streams.{program}"]
            self.running[name] = subprocess.Popen(command, env=environment(**settings), stdout=log, stderr=log)

    def kill(self, name: str) -> None:
        self.around.followed.clear()
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def end(self, name: str) -> int:
        """SIGTERM; the exit code."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(10)

    def log(self, name: str) -> str:
        return (self.logs / f"{name}.log").read_text()

    def close(self) -> None:
        for name in list(self.running):
            self.kill(name)

    def call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        return httpx.request(method, f"{self.url}{path}", timeout=20, **arguments)

    def state(self) -> dict[str, Any]:
        return self.call("GET", "/state").json()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query).fetchall()

    def counts(self) -> dict[str, int]:
        """How many streams each active instance has."""
        return {i["instance_id"]: i["assigned"] for i in self.state()["instances"] if i["status"] == "active"}

    def read_as_assigned(self) -> bool:
        """Whether exactly the owner reads each stream, as the source sees it."""
        owners = {a["stream_id"]: {a["instance_id"]} for a in self.state()["assignments"]}
        return self.around.readers == owners

    def settled(self, **counts: int) -> None:
        """Wait until the active instances have these counts, and read what they have."""
        until(lambda: self.counts() == counts and self.read_as_assigned(), 15, lambda: (self.counts(), self.around.readers))
