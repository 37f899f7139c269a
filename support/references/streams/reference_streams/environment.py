"""Configuration by environment variables: typed, with defaults, and one clear line for what is missing or wrong."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from typing import NoReturn, TypeVar

T = TypeVar("T")

IDENTIFIER = re.compile(r"[A-Za-z0-9._-]{1,64}")
BASE_URL = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
MAX_CAPACITY = 10_000


class Unusable(Exception):
    """A value that cannot be used; the message says why, without repeating it (it may be a secret)."""


def fail(message: str) -> NoReturn:
    """End the program as bad configuration does: one line, exit code 2."""
    print(message, file=sys.stderr)
    raise SystemExit(2)


def read(environment: Mapping[str, str], name: str, parse: Callable[[str], T], default: T | None = None) -> T:
    """The parsed value of ``name``; ends the program when it is required and missing, or unusable."""
    value = environment.get(name)
    if not value:
        return default if default is not None else fail(f"{name} is required")
    try:
        return parse(value)
    except (Unusable, ValueError) as error:
        fail(f"{name} cannot be used: {error if isinstance(error, Unusable) else 'not a number'}")


def seconds(value: str) -> float:
    number = float(value)
    if not 0 < number < 1e9:
        raise Unusable("a number of seconds above 0 is needed")
    return number


def capacity(value: str) -> int:
    number = int(value)
    if not 1 <= number <= MAX_CAPACITY:
        raise Unusable(f"1 to {MAX_CAPACITY} is needed")
    return number


def identifier(value: str) -> str:
    if not IDENTIFIER.fullmatch(value):
        raise Unusable("1-64 characters of A-Z a-z 0-9 . _ - are needed")
    return value


def base_url(value: str) -> str:
    if not BASE_URL.fullmatch(value):
        raise Unusable("an address like http://host:port is needed")
    return value.rstrip("/")


def any_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise Unusable("an address that begins with http:// or https:// is needed")
    return value


def listen_address(value: str) -> tuple[str, int]:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise Unusable("host:port is needed")
    return host.strip("[]"), int(port)
