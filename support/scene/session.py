"""What a scenario is given by the run that it belongs to."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from support.deadline import until
from support.observer.process import ObserverProcess
from support.settings import Settings
from support.target import Target
from support.testbed.interface import Testbed

CALIBRATED_WITHIN = 15.0  # seconds


class Instruments:
    """The two processes that stand beside one behave process: its observer and its relay. Each is started when first asked for."""

    def __init__(self, directory: Path, plugins: Sequence[str] = ()) -> None:
        self.directory = directory  # short: it holds Unix sockets
        self.plugins = plugins
        self.listen: Sequence[str] = ()
        self.told: Sequence[str] = ()  # host:port where a running system was told to find the observer
        self._started: list[ObserverProcess] = []

    @cached_property
    def observer(self) -> ObserverProcess:
        return self._start("observer", [*self.listen, *self.told], self.plugins)

    @cached_property
    def relay(self) -> ObserverProcess:
        return self._start("relay", self.listen, ())

    def _start(self, name: str, listen: Sequence[str], plugins: Sequence[str]) -> ObserverProcess:
        process = ObserverProcess.start(self.directory, listen, plugins, name=name)
        self._started.append(process)
        return process

    def close(self) -> None:
        while self._started:
            self._started.pop().close()


def plugins_of(systems: Sequence[str]) -> list[str]:
    """The modules by which these systems' own observers are plugged in."""
    modules = [f"support.systems.{system}.observers" for system in systems]
    return [module for module in modules if importlib.util.find_spec(module.rpartition(".")[0]) and importlib.util.find_spec(module)]


@dataclass
class Session:
    """One process's share of a run, as ``context._runner.session``. ``directory`` is ``reports/runs/<run id>``.

    ``tell(kind, **data)`` speaks to the supervisor: ``waiting`` {id, elapsed, limit, unit, seen}, ``done`` {result}.
    """

    settings: Settings
    run_id: str
    directory: Path
    target: Target
    testbed: Testbed
    instruments: Instruments
    seed: int
    tell: Callable[..., None]
    clusters: dict[str, Any] = field(default_factory=dict)

    @property
    def observer(self) -> ObserverProcess:
        return self.instruments.observer

    def lease(self, cluster: str, **how: Any) -> Any:
        """A part of a shared cluster for one scenario; ``release`` gives it back."""
        return self.clusters[cluster].lease(**how)

    @cached_property
    def _calibration(self) -> dict[str, Any] | None:
        """What the calibration that began with the run has come to; it is waited for."""
        return until(lambda: _read(self.directory / "calibration.json"), within=CALIBRATED_WITHIN)

    def instrument_error(self) -> float | None:
        """How far (± s) this run's instruments were off on a simulated outage; None if that could not be found out."""
        return self._calibration["rto_error_s"] if self._calibration else None

    def close(self) -> None:
        """End what this process started."""
        try:
            self.testbed.close()
        finally:
            self.instruments.close()


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # not there, or still being written
        return None
    return found
