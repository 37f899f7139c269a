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
    "postgres": ("PostgreSQL", lambda testbed, settings: Postgres.launch(testbed, image=settings.postgres_image)),
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
        self._launched = 0.0

    def launch(self) -> None:
        """Sweep what dead runs left, open the testbed, start what the plan needs: the clusters, and the calibration beside them."""
        sweep_all()
        self.testbed = self._prepared.testbed.open(self._prepared.run_id, lambda: self.instruments.relay)
        for address in suite_listens(self._prepared.plan, self._prepared.target):
            self.testbed.outside = socket.gethostbyname(address.rpartition(":")[0])
        self.instruments.listen = self.testbed.listen_addresses()
        self._launched = time.monotonic()
        for name in self._prepared.plan.clusters:
            self.clusters[name] = CLUSTERS[name][1](self.testbed, self._prepared.settings)
        if self._prepared.plan.applicable:
            self._calibrate()

    def await_ready(self, say: Callable[[str], None]) -> None:
        """Return when every cluster answers. Can be called twice."""
        for name, cluster in self.clusters.items():
            title = CLUSTERS[name][0]
            if title not in self.versions:
                cluster.await_ready()
                self.versions[title] = cluster.version
                say(f"ready    {title} {cluster.version} after {time.monotonic() - self._launched:.1f} s")

    def _calibrate(self) -> None:
        """Begin to measure the instruments' own error, beside the start of everything else."""
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
