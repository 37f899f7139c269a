"""What a scenario is given by the run that it belongs to."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import ExitStack
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
    """The two processes that stand beside one behave process: its observer and its relay. Each is there when first asked for."""

    def __init__(self, directory: Path, plugins: Sequence[str] = ()) -> None:
        self.directory = directory  # short: it holds Unix sockets
        self.plugins = plugins
        self.listen: Sequence[str] = ()
        self.told: Sequence[str] = ()  # host:port where a running system was told to find the observer
        self._launched: dict[str, ObserverProcess] = {}

    def launch(self) -> None:
        """Start both, side by side, for somebody who will ask for them soon."""
        self._launch("observer")
        self._launch("relay")

    @cached_property
    def observer(self) -> ObserverProcess:
        return self._ready("observer")

    @cached_property
    def relay(self) -> ObserverProcess:
        return self._ready("relay")

    def _launch(self, name: str) -> ObserverProcess:
        if name not in self._launched:
            listen, plugins = ([*self.listen, *self.told], self.plugins) if name == "observer" else (self.listen, ())
            self._launched[name] = ObserverProcess.launch(self.directory, listen, plugins, name)
        return self._launched[name]

    def _ready(self, name: str) -> ObserverProcess:
        process = self._launch(name)
        process.await_ready()
        return process

    def close(self) -> None:
        while self._launched:
            self._launched.popitem()[1].close()


def plugins_of(systems: Sequence[str]) -> list[str]:
    """The modules by which these systems' own observers are plugged in."""
    modules = [f"support.systems.{system}.observers" for system in systems]
    return [module for module in modules if importlib.util.find_spec(module.rpartition(".")[0]) and importlib.util.find_spec(module)]


@dataclass
class Session:
    """One process's share of a run, as ``context._runner.session``. ``directory`` is ``reports/runs/<run id>``.

    ``tell(kind, **data)`` speaks to the supervisor: ``waiting`` {id, elapsed, limit, unit, seen}.
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
    more: bool = False  # whether this process may be given another scenario after the present one
    ahead: dict[str, Any] = field(default_factory=dict)  # system → what it started ahead for the next scenario; closed if nobody takes it

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

    def anteroom(self) -> Path:
        """Where what was started ahead records until its scenario begins; beside the scenarios, so that it can be moved there."""
        self._anteroom.mkdir(exist_ok=True)
        return self._anteroom

    @property
    def _anteroom(self) -> Path:
        return self.directory / f"ahead-{self.instruments.directory.name}"

    def close(self) -> None:
        """End what this process started."""
        with ExitStack() as closing:
            closing.callback(shutil.rmtree, self._anteroom, ignore_errors=True)
            closing.callback(self.instruments.close)
            closing.callback(self.testbed.close)
            for unused in self.ahead.values():
                closing.callback(unused.close)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # not there, or still being written
        return None
    return found
