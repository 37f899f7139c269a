"""The orchestrator as the suite has it: started by us, or running somewhere; and the calls of its contract that steps need."""

from __future__ import annotations

from typing import Any

import httpx

from support.deadline import until
from support.outcomes import CouldNotJudge
from support.testbed.interface import HOST, Address, Node

ANSWERS_WITHIN = 30.0  # seconds for one call of ours
READY_WITHIN = 30.0    # seconds from the start to the first healthy answer


class Orchestrator:
    """``node`` is None for one that runs outside of the suite."""

    def __init__(self, url: str, node: Node | None) -> None:
        self.url = url.rstrip("/")
        self.node = node
        self._client = httpx.Client(base_url=self.url, timeout=ANSWERS_WITHIN, trust_env=False)

    @property
    def port(self) -> Address:
        """Where the suite reaches it directly."""
        url = httpx.URL(self.url)
        return Address(url.host, url.port or 80)

    def wait_ready(self, within: float = READY_WITHIN) -> None:
        """Until it says that it can serve. Raises CouldNotJudge with its last words otherwise."""
        last = "nothing"

        def healthy() -> bool:
            nonlocal last
            if self.node is not None and not self.node.alive():
                raise CouldNotJudge(f"the orchestrator ended with exit code {self.node.exit_code()} instead of serving: {_tail(self.node.log())}")
            try:
                answer = self._client.get("/health", timeout=2.0)
            except httpx.HTTPError as error:
                last = f"{type(error).__name__}: {error}"
                return False
            last = f"{answer.status_code} {answer.text[:200]}"
            return answer.status_code == httpx.codes.OK

        if not until(healthy, within=within):
            raise CouldNotJudge(f"the orchestrator was not healthy within {within:g} s; last: {last}")

    def refresh_catalogue(self) -> int:
        """The version of the catalogue that it acknowledges to have."""
        return int(self._post("/catalogue/refresh")["version"])

    def rebalance(self) -> int:
        """How many moves it says that the rebalance made."""
        return int(self._post("/rebalance")["moves"])

    def _post(self, path: str) -> dict[str, Any]:
        try:
            answer = self._client.post(path)
        except httpx.HTTPError as error:
            raise CouldNotJudge(f"POST {path} was not answered: {type(error).__name__}: {error}") from error
        if answer.status_code != httpx.codes.OK:
            raise CouldNotJudge(f"POST {path} was answered {answer.status_code}: {answer.text[:200]}")
        body: dict[str, Any] = answer.json()
        return body

    def address_for(self, viewer: str | Node = HOST) -> str:
        """Its base URL for one viewer, past all links."""
        return f"http://{self.node.address('http', seen_from=viewer)}" if self.node is not None else self.url

    def close(self) -> None:
        self._client.close()
        if self.node is not None:
            self.node.remove()


def _tail(log: str, lines: int = 3) -> str:
    return " | ".join(log.splitlines()[-lines:]) or "(no log)"
