"""What the orchestrator is started with (the contract's table of environment variables)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..environment import Unusable, any_url, listen_address, read, seconds


@dataclass(frozen=True)
class Settings:
    """Times in seconds."""

    listen: tuple[str, int]
    database_url: str = field(repr=False)  # holds a password
    catalogue_url: str
    clock_url: str
    network_timeout: float
    disconnect_grace: float
    heartbeat_timeout: float
    check_interval: float
    health_check_interval: float


def _database_url(value: str) -> str:
    if not value.startswith(("postgresql://", "postgres://")):
        raise Unusable("an address that begins with postgresql:// is needed")
    return value


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Ends the program (code 2) where something is missing or unusable."""
    return Settings(
        listen=read(environment, "STREAMS_LISTEN", listen_address),
        database_url=read(environment, "STREAMS_DATABASE_URL", _database_url),
        catalogue_url=read(environment, "STREAMS_CATALOGUE_URL", any_url),
        clock_url=read(environment, "STREAMS_CLOCK_URL", any_url, ""),
        network_timeout=read(environment, "STREAMS_NETWORK_TIMEOUT_SECONDS", seconds, 30.0),
        disconnect_grace=read(environment, "STREAMS_DISCONNECT_GRACE_SECONDS", seconds, 5.0),
        heartbeat_timeout=read(environment, "STREAMS_HEARTBEAT_TIMEOUT_SECONDS", seconds, 300.0),
        check_interval=read(environment, "STREAMS_CHECK_INTERVAL_SECONDS", seconds, 5.0),
        health_check_interval=read(environment, "STREAMS_HEALTH_CHECK_INTERVAL_SECONDS", seconds, 10.0),
    )
