"""Every option of a run: ``behave -D name=value``, or the environment variable ``HOLDFAST_NAME``. One place, typed, validated.

``-D`` wins over the environment. A database address holds a password and ``-D`` shows up in the process list, so give
``HOLDFAST_STREAMS_DATABASE`` instead.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from support.outcomes import BadInput

_CRITERION = re.compile(r"[A-Z]+\d+(\.\d+)?")


@dataclass(frozen=True)
class Shard:
    """The ``number``-th of ``of`` parts of a selection, counted from 1."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    @classmethod
    def parse(cls, text: object) -> object:
        """``"2/5"`` → Shard(2, 5). ValueError for anything else."""
        if isinstance(text, Shard):
            return text
        match = re.fullmatch(r"(\d+)/(\d+)", str(text))
        if not match or not 1 <= int(match[1]) <= int(match[2]):
            raise ValueError("write it as 2/5: the second of five parts")
        return cls(int(match[1]), int(match[2]))


def _criteria(text: object) -> object:
    if not isinstance(text, str):
        return text
    names = tuple(name.strip().removeprefix("@") for name in text.split(","))
    if not all(_CRITERION.fullmatch(name) for name in names):
        raise ValueError("name criteria or requirements, separated by commas: R1,R4.2")
    return names


class Settings(BaseSettings):
    """The options, checked. Frozen."""

    model_config = SettingsConfigDict(env_prefix="HOLDFAST_", extra="forbid", frozen=True)

    testbed: Literal["auto", "containers", "processes", "deployed"] = Field("auto", description="where things run")
    target: Path | None = Field(None, description="a target file: what is judged (default: the reference systems)")
    streams_url: str | None = Field(None, description="a running orchestrator, instead of the target's", pattern=r"^https?://[^/]+.*$")
    streams_suite_listen: str | None = Field(None, description="host:port where a running orchestrator was told to find its catalogue and source")
    streams_command: str | None = Field(None, description="a command line that starts the orchestrator, instead of the target's")
    streams_worker_command: str | None = Field(None, description="a command line that starts one worker, instead of the target's")
    streams_image: str | None = Field(None, description="a container image of the orchestrator, instead of the target's")
    streams_database: SecretStr | None = Field(None, description="the database of a running orchestrator: postgresql://user:password@host:port/name")
    streams_variant: str | None = Field(None, description="a variant of the reference (STREAMS_VARIANT)", pattern=r"^[a-z0-9-]+$")
    seed: int | None = Field(None, description="what random choices come from (default: a new one each run, printed)", ge=0)
    require: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_criteria)] = Field((), description="what must be applicable here: R1,R4.2")
    shard: Annotated[Shard, NoDecode, BeforeValidator(Shard.parse)] = Field(Shard(1, 1), description="a part of the selection, 2/5")
    reports: Path = Field(Path("reports"), description="where reports and evidence go")
    postgres_image: str = Field("postgres:17", description="the PostgreSQL image of the containers testbed")
    redis_image: str = Field("redis:8", description="the Redis image of the containers testbed")


def load_settings(defined: Mapping[str, Any]) -> Settings:
    """The settings out of behave's ``-D`` options and the environment. BadInput: one line about the first thing that is wrong."""
    for name in defined:
        if name not in Settings.model_fields:
            raise BadInput(f"-D {name}: no such option{did_you_mean(name, Settings.model_fields)}")
    try:
        return Settings(**defined)
    except ValidationError as error:
        raise BadInput(_explain(error, defined)) from None


def did_you_mean(name: str, known: Mapping[str, Any] | list[str]) -> str:
    """``"; did you mean X?"``, or all that is known when nothing is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else f" (there are: {', '.join(known)})"


def _explain(error: ValidationError, defined: Mapping[str, Any]) -> str:
    first = error.errors()[0]
    name = str(first["loc"][0])
    origin = f"-D {name}={first['input']}" if name in defined else f"HOLDFAST_{name.upper()}"
    if first["type"] == "literal_error":
        *most, last = Settings.model_fields[name].annotation.__args__  # type: ignore[union-attr]  # a Literal
        return f"{origin}: choose {', '.join(most)} or {last} (README, \"Where it runs\")"
    if "url" in name:
        return f"{origin}: write it as http://host:port"
    return f"{origin}: {first['msg'].removeprefix('Value error, ')}"
