"""From a target file, and the options that are sugar over it, to a Target."""

from __future__ import annotations

import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from support.outcomes import BadInput
from support.settings import Settings, did_you_mean
from support.target.contracts import SUPPORT, Contract, contracts
from support.target.model import Program, SystemTarget, Target


def load_target(settings: Settings) -> Target:
    """What ``settings`` ask to judge: a target file, else the references, with the ``-D streams_…`` options applied. BadInput: one line."""
    data = _read(settings.target) if settings.target else _references()
    overridden = _apply_options(data, settings)
    where = f"target {settings.target}" if settings.target else "-D streams_…"
    target = _validate({**data, "path": settings.target}, where)
    for system, part in target.systems.items():
        _check_words(contracts()[system], part, where)
    if overridden and not settings.target:
        target = target.model_copy(update={"name": overridden})
    return target


def reference_file(system: str) -> Path:
    """The target file of our own implementation of a system."""
    return SUPPORT / "references" / system / "target.toml"


def is_reference(system: str, part: SystemTarget) -> bool:
    """Whether what is judged is our own implementation (whatever its environment is)."""
    main = contracts()[system].main
    reference = _read(reference_file(system), borrow=False)[system][main]
    return part.program(main).command == tuple(reference["command"])


def _references() -> dict[str, Any]:
    data: dict[str, Any] = {"name": "reference"}
    for system in contracts():
        data |= {key: value for key, value in _read(reference_file(system), borrow=False).items() if key != "name"}
    return data


def _read(path: Path, *, borrow: bool = True) -> dict[str, Any]:
    """The file as data, placeholders filled in; with ``borrow``, a program that it does not mention is the reference's."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"target {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"target {path}: not a TOML file: {error}") from None
    for system in [key for key, value in data.items() if isinstance(value, dict)]:
        if system not in contracts():
            raise BadInput(f"target {path}: [{system}]: no such system{did_you_mean(system, list(contracts()))}")
    filled: dict[str, Any] = _fill(data, path.resolve().parent)
    if borrow:
        _borrow(filled)
    return filled


def _fill(value: Any, here: Path) -> Any:
    """``{python}`` and ``{here}`` in every string; others (``{listen}``, ``{port:http}``) belong to the testbed."""
    if isinstance(value, str):
        return value.replace("{python}", sys.executable).replace("{here}", str(here))
    if isinstance(value, list):
        return [_fill(item, here) for item in value]
    if isinstance(value, dict):
        return {key: _fill(item, here) for key, item in value.items()}
    return value


def _borrow(data: dict[str, Any]) -> None:
    for system, contract in contracts().items():
        if system in data:
            reference = _read(reference_file(system), borrow=False)[system]
            for program in contract.programs[1:]:
                data[system].setdefault(program, reference[program])


def _apply_options(data: dict[str, Any], settings: Settings) -> str:
    """Put the ``-D streams_…`` options over the target's data. Returns a name for what is judged then, empty if it did not change."""
    ways = {"url": settings.streams_url, "command": settings.streams_command, "image": settings.streams_image}
    chosen = {way: value for way, value in ways.items() if value}
    if len(chosen) > 1:
        raise BadInput(f"-D {' and -D '.join(f'streams_{way}' for way in chosen)}: choose one of them")
    streams = data.setdefault("streams", {})
    for way, value in chosen.items():
        streams["orchestrator"] = {way: _words(value, "streams_command") if way == "command" else value}
    if settings.streams_worker_command:
        streams["worker"] = {"command": _words(settings.streams_worker_command, "streams_worker_command")}
    if settings.streams_suite_listen:
        streams["suite_listen"] = settings.streams_suite_listen
    if settings.streams_database:
        streams["database"] = settings.streams_database.get_secret_value()
    if settings.streams_variant:
        if not chosen and "variants" in streams:  # the option's program may have others
            _check_variant(settings.streams_variant, Path(streams["variants"]))
        for program in (streams[name] for name in ("orchestrator", "worker") if name in streams):
            if "url" in program:
                raise BadInput(f"-D streams_variant={settings.streams_variant}: a system that already runs cannot be changed")
            program["env"] = {**program.get("env", {}), "STREAMS_VARIANT": settings.streams_variant}
    return _name(chosen, settings)


def _check_variant(name: str, folder: Path) -> None:
    known = sorted(file.stem.replace("_", "-") for file in folder.glob("[!_]*"))
    if name not in known:
        raise BadInput(f"-D streams_variant={name}: no such variant{did_you_mean(name, known)}")


def _name(chosen: dict[str, str], settings: Settings) -> str:
    """What a report calls it; never credentials or arguments of a command line."""
    if settings.streams_url:
        return urlsplit(settings.streams_url).netloc.rpartition("@")[2]
    if settings.streams_command:
        return " ".join(Path(word).name for word in _words(settings.streams_command, "streams_command")[:2])
    return chosen.get("image", "") or (f"reference, variant {settings.streams_variant}" if settings.streams_variant else "")


def _words(line: str, option: str) -> list[str]:
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise BadInput(f"-D {option}={line}: {error}") from None
    if not words:
        raise BadInput(f"-D {option}: is empty")
    return words


def _validate(data: dict[str, Any], where: str) -> Target:
    try:
        return Target(**data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        known = {"lacks": 0, "variants": 0, "suite_listen": 0, "database": 0, "allow": 0, **dict.fromkeys(_programs())}
        if first["type"] == "model_type" and len(first["loc"]) == 2:  # a scalar where only programs may follow: a mistyped key
            raise BadInput(f"{where}: {place}: no such key{did_you_mean(str(first['loc'][1]), list(known))}") from None
        if first["type"] == "extra_forbidden":
            raise BadInput(f"{where}: {place}: no such key{did_you_mean(str(first['loc'][-1]), list(Program.model_fields))}") from None
        raise BadInput(f"{where}: {place}: {first['msg'].removeprefix('Value error, ')}") from None


def _programs() -> list[str]:
    return [program for contract in contracts().values() for program in contract.programs]


def _check_words(contract: Contract, part: SystemTarget, where: str) -> None:
    for program in part.programs:
        if program not in contract.programs:
            raise BadInput(f"{where}: [{contract.system}.{program}]: no such program{did_you_mean(program, list(contract.programs))}")
    for lack in sorted(part.lacks):
        if lack not in contract.capabilities:
            raise BadInput(f'{where}: {contract.system}.lacks "{lack}": no such capability{did_you_mean(lack, list(contract.capabilities))}')
    main = part.programs.get(contract.main)
    if main is None:
        raise BadInput(f"{where}: [{contract.system}.{contract.main}] is missing: how is it had?")
    if not main.runs_already and (part.suite_listen or part.database or part.allow):
        raise BadInput(f"{where}: suite_listen, database and allow are for a system that already runs (url)")
