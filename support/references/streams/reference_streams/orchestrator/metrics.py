"""The metrics that the contract names."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from .state import State
from .store import changes_of_owner


class Metrics:
    """As of the last decision."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._catalogue = Gauge("streams_catalogue_streams", "Streams in the catalogue", registry=self._registry)
        self._unassigned = Gauge("streams_unassigned_streams", "Streams that wait for room", registry=self._registry)
        self._active = Gauge("streams_active_instances", "Active instances", registry=self._registry)
        self._moves = Counter("streams_moves", "Streams taken from one living instance and given to another", registry=self._registry)
        self._unhealthy = Counter("streams_failed_health_checks", "Health checks of workers that failed", registry=self._registry)

    def decided(self, state: State) -> None:
        listed = state.listed
        self._catalogue.set(len(listed))
        self._unassigned.set(sum(s.owner is None for s in listed))
        self._active.set(len(state.capacities))
        self._moves.inc(sum(old in state.capacities and new is not None for _, old, new in changes_of_owner(state)))

    def health_check_failed(self) -> None:
        self._unhealthy.inc()

    def text(self) -> bytes:
        return generate_latest(self._registry)
