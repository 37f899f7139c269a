"""The shape of a target file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Fault = Literal["link"]  # all that can be done to a program that somebody else started


class Program(BaseModel):
    """How one program is had: exactly one of a command line, a container image, a URL where it already runs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: tuple[str, ...] | None = Field(None, min_length=1)
    image: str | None = Field(None, min_length=1)
    url: str | None = Field(None, pattern=r"^https?://[^/]+.*$")
    env: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _exactly_one(self) -> Program:
        if sum(given is not None for given in (self.command, self.image, self.url)) != 1:
            raise ValueError("give exactly one of command, image and url")
        if self.url and self.env:
            raise ValueError("env is for programs that are started; a url already runs")
        return self

    @property
    def runs_already(self) -> bool:
        return self.url is not None


class SystemTarget(BaseModel):
    """One system of a target. Each further table is one of its programs: ``[streams.orchestrator]``.

    ``lacks`` names capabilities of its contract; ``variants`` is the folder that has a file for each variant (``-D streams_variant``)
    of its programs. The rest is only for a running system: ``suite_listen`` (``host:port`` at
    which it expects the suite's side), ``database`` (where its views are), ``allow`` (faults that may be done to it).
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Program]

    lacks: frozenset[str] = frozenset()
    variants: Path | None = None
    suite_listen: str | None = Field(None, pattern=r"^[^:]+:\d{1,5}$")
    database: str | None = Field(None, repr=False)  # holds a password
    allow: frozenset[Fault] = frozenset()

    @field_validator("suite_listen")
    @classmethod
    def _is_reached(cls, listen: str | None) -> str | None:
        if listen and listen.startswith("0.0.0.0:"):
            raise ValueError("say the address of this machine under which the system reaches it, not 0.0.0.0")
        return listen

    @property
    def programs(self) -> dict[str, Program]:
        return self.__pydantic_extra__

    def program(self, name: str) -> Program:
        return self.programs[name]


class Target(BaseModel):
    """What is judged. Each further table is a system: ``[streams]``. ``path`` is the file it was read from."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, SystemTarget]

    name: str = Field(min_length=1)
    path: Path | None = None

    @property
    def systems(self) -> dict[str, SystemTarget]:
        return self.__pydantic_extra__

    def system(self, name: str) -> SystemTarget:
        return self.systems[name]
