"""What a worker is started with (the contract's table of environment variables)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..environment import any_url, base_url, capacity, identifier, listen_address, read, seconds


@dataclass(frozen=True)
class Settings:
    """Times in seconds; capacity in streams."""

    listen: tuple[str, int]
    orchestrator_url: str
    instance_id: str
    capacity: int
    advertise_url: str
    clock_url: str
    heartbeat_interval: float
    network_timeout: float


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Ends the program (code 2) where something is missing or unusable."""
    return Settings(
        listen=read(environment, "STREAMS_LISTEN", listen_address),
        orchestrator_url=read(environment, "STREAMS_ORCHESTRATOR_URL", base_url),
        instance_id=read(environment, "STREAMS_INSTANCE_ID", identifier),
        capacity=read(environment, "STREAMS_CAPACITY", capacity),
        advertise_url=read(environment, "STREAMS_ADVERTISE_URL", base_url, f"http://{environment['STREAMS_LISTEN']}"),
        clock_url=read(environment, "STREAMS_CLOCK_URL", any_url, ""),
        heartbeat_interval=read(environment, "STREAMS_HEARTBEAT_INTERVAL_SECONDS", seconds, 60.0),
        network_timeout=read(environment, "STREAMS_NETWORK_TIMEOUT_SECONDS", seconds, 30.0),
    )
