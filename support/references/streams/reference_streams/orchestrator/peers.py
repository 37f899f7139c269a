"""Calls to other programs: workers and the catalogue. Whatever goes wrong comes out as one exception."""

from __future__ import annotations

from typing import Any

import httpx


class PeerError(Exception):
    """A peer could not be reached, did not answer in time, or answered nonsense."""


class Peers:
    """One HTTP client for all calls; each call takes ``timeout`` seconds at most."""

    def __init__(self, timeout: float) -> None:
        self._client = httpx.AsyncClient(
            verify=False, trust_env=False, timeout=timeout, limits=httpx.Limits(max_connections=None, max_keepalive_connections=200),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def call(self, method: str, url: str, body: Any = None) -> Any:
        """The JSON that was answered with 200. Raises PeerError."""
        try:
            answer = await self._client.request(method, url, json=body)
            if answer.status_code != 200:
                raise PeerError(f"{method} {url} was answered {answer.status_code}")
            return answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise PeerError(f"{method} {url}: {error!r}") from error
