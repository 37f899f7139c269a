"""Whom the suite's own HTTP clients trust where a system is reached by https."""

from __future__ import annotations

import ssl
from functools import cache

import httpx


@cache
def trusted() -> ssl.SSLContext:
    """The usual authorities. Reading them takes 30 ms, which a client would otherwise do each time it is made."""
    return httpx.create_ssl_context(trust_env=False)
