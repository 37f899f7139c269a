"""What a program is started with: its environment, and the JSON lines that it logs."""

from __future__ import annotations

import json
import logging
import math
import os
import re
import signal
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import NoReturn

ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
URL = re.compile(r"https?://[^/\s]+\S*")
BASE_URL = re.compile(r"https?://[A-Za-z0-9._-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
correlation_id: ContextVar[str | None] = ContextVar("correlation_id", default=None)
log = logging.getLogger("streams")


class JsonLines(logging.Formatter):
    """One object a line. ``extra={"data": {…}}`` adds fields."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "correlation_id": correlation_id.get(),
            **getattr(record, "data", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def set_up_logging() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class Settings:
    """Reads the environment. A missing or unreadable variable ends the program: one line on stderr, exit code 2."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment

    def text(self, name: str, default: str | None = None, pattern: re.Pattern[str] = re.compile(".+")) -> str:
        value = self._environment.get(name) or default
        if value is None:
            self._refuse(name, "is required")
        if not pattern.fullmatch(value):
            self._refuse(name, "cannot be read")  # not its value: it may hold a password
        return value

    def url(self, name: str, default: str | None = None) -> str:
        return self.text(name, default, URL).rstrip("/")

    def seconds(self, name: str, default: float) -> float:
        try:
            value = float(self.text(name, str(default)))
        except ValueError:
            value = math.nan
        if not (0 < value < math.inf):
            self._refuse(name, "is not a number of seconds above 0")
        return value

    def integer(self, name: str, low: int, high: int) -> int:
        text = self.text(name)
        if not re.fullmatch(r"\d{1,9}", text) or not low <= int(text) <= high:
            self._refuse(name, f"is not a whole number from {low} to {high}")
        return int(text)

    def listen(self, name: str) -> tuple[str, int]:
        host, _, port = self.text(name, pattern=re.compile(r"[^:]+:\d{1,5}")).rpartition(":")
        if int(port) > 65535:
            self._refuse(name, "has no such port")
        return host, int(port)

    def _refuse(self, name: str, why: str) -> NoReturn:
        print(f"{name} {why}", file=sys.stderr)
        raise SystemExit(2)


def block_termination() -> None:
    """Before the first thread starts, so that all inherit it: SIGTERM then waits for ``await_termination``."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


def await_termination() -> None:
    """Not a handler that sets an event: a signal that arrives just before the main thread blocks in ``wait`` would never wake it."""
    signal.sigwait({signal.SIGTERM})
