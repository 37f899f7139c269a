"""Structured logs: one JSON object a line on stderr, with time, level, message and correlation_id.

The standard library's logging, because a library for it took a third of a worker's start.
"""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

correlation_id: ContextVar[str | None] = ContextVar("correlation_id", default=None)


class JsonLines(logging.Formatter):
    """``common`` is in each line."""

    def __init__(self, common: dict[str, Any]) -> None:
        super().__init__()
        self._common = common

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "correlation_id": correlation_id.get(),
            **self._common,
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class Log:
    """A logger that takes fields: ``log.info("registered", capacity=20)``."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def info(self, message: str, **fields: Any) -> None:
        self._logger.info(message, extra={"fields": fields})

    def warning(self, message: str, **fields: Any) -> None:
        self._logger.warning(message, extra={"fields": fields})

    def error(self, message: str, **fields: Any) -> None:
        self._logger.error(message, extra={"fields": fields}, exc_info=sys.exc_info()[0] is not None)


def set_up(program: str, **fields: Any) -> None:
    """Log everything, that of the libraries (from WARNING on) included, with ``program`` and ``fields`` in each line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines({"program": program, **fields}))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("streams").setLevel(logging.INFO)


log = Log(logging.getLogger("streams"))
