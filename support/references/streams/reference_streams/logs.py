"""Structured logs: one JSON object a line on stderr, with time, level, message and correlation_id."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


def _correlated(_logger: object, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    event.setdefault("correlation_id", None)
    return event


def set_up(program: str, **fields: Any) -> None:
    """Log everything, that of the libraries (from WARNING on) included, with ``program`` and ``fields`` in each line."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        lambda _l, _m, event: {"program": program, **fields, **event},
        _correlated,
        structlog.processors.format_exc_info,
        structlog.processors.EventRenamer("message"),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
    ))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


log = structlog.get_logger()
