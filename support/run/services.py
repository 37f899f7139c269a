"""What a run shares between its scenarios: the testbed, the clusters, the calibration of the instruments."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.clusters.postgres import Postgres
from support.run.plan import suite_listens
from support.run.prepare import Prepared
from support.scene.session import Instruments
from support.settings import Settings
from support.testbed import engine
from support.testbed.interface import Testbed
from support.testbed.runs import end_run, folder
from support.testbed.sweep import sweep

CLUSTERS: dict[str, tuple[str, Callable[[Testbed, Settings], Any]]] = {
    "postgres": ("PostgreSQL", lambda testbed, settings: Postgres.start(testbed, image=settings.postgres_image)),
}


class Services:
    """Started by the supervisor, used by its forks, closed by the supervisor. ``instruments`` are those of the process that asks."""

    def __init__(self, prepared: Prepared, directory: Path) -> None:
        self.instruments = Instruments(folder(prepared.run_id) / "supervisor")
        self.clusters: dict[str, Any] = {}
        self.versions: dict[str, str] = {}
        self.testbed: Testbed | None = None
        self._prepared = prepared
        self._directory = directory
        self._calibration: subprocess.Popen[bytes] | None = None

    def start(self, say: Callable[[str], None]) -> Testbed:
        """Sweep what dead runs left, open the testbed, start the clusters that the plan needs."""
        sweep_all()
        self.testbed = self._prepared.testbed.open(self._prepared.run_id, lambda: self.instruments.relay)
        for address in suite_listens(self._prepared.plan, self._prepared.target):
            self.testbed.outside = socket.gethostbyname(address.rpartition(":")[0])
        self.instruments.listen = self.testbed.listen_addresses()
        for name in self._prepared.plan.clusters:
            title, start = CLUSTERS[name]
            begun = time.monotonic()
            self.clusters[name] = start(self.testbed, self._prepared.settings)
            self.versions[title] = self.clusters[name].version
            say(f"ready    {title} {self.versions[title]} after {time.monotonic() - begun:.1f} s")
        return self.testbed

    def calibrate(self) -> None:
        """Begin to measure the instruments' own error, beside the first scenarios."""
        command = [sys.executable, "-m", "support.observer.calibration", "--out", str(self._directory / "calibration.json")]
        environment = {**os.environ, "TMPDIR": str(folder(self._prepared.run_id))}  # so that the sweep finds its files, too
        with (self._directory / "calibration.log").open("wb") as log:
            self._calibration = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def calibration(self) -> dict[str, Any]:
        """What it came to; nothing if the run was over before."""
        path = self._directory / "calibration.json"
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return found

    def close(self) -> None:
        """End everything. What a child that died could not put away goes with the sweep, because this run is over then."""
        try:
            if self._calibration:
                self._calibration.terminate()  # ended long ago, unless the run was cut short
                self._calibration.wait()
            for cluster in self.clusters.values():
                cluster.close()
            if self.testbed:
                self.testbed.close()
            self.instruments.close()
        finally:
            end_run(self._prepared.run_id)
            sweep_all()


def sweep_all() -> None:
    """Remove what dead runs left: processes and folders, containers and networks."""
    sweep()
    engine.sweep()
