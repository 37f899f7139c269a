"""The orchestrator as the suite has it: started by us, or running somewhere; and the calls of its contract that steps need."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import httpx

from support.deadline import until
from support.outcomes import CouldNotJudge
from support.testbed.interface import HOST, Address, Node
from support.tls import trusted

ANSWERS_WITHIN = 30.0  # seconds for one call of ours
READY_WITHIN = 30.0    # seconds from the start to the first healthy answer
KNOWN_WITHIN = 30.0    # seconds for a system that reads the catalogue at times of its own


class Orchestrator:
    """``node`` is None for one that runs outside of the suite."""

    def __init__(self, url: str, node: Node | None) -> None:
        self.url = url.rstrip("/")
        self.node = node
        self._client = httpx.Client(base_url=self.url, timeout=ANSWERS_WITHIN, trust_env=False, verify=trusted())

    @property
    def port(self) -> Address:
        """Where the suite reaches it directly."""
        url = httpx.URL(self.url)
        return Address(url.host, url.port or (443 if url.scheme == "https" else 80))

    def url_over(self, address: Address) -> str:
        """Its base URL by way of a link that is reached at ``address``."""
        return str(httpx.URL(self.url).copy_with(host=address.host, port=address.port)).rstrip("/")

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
        return int(self._ask("POST", "/catalogue/refresh").json()["version"])

    def state(self) -> dict[str, Any]:
        """What it says about itself."""
        found: dict[str, Any] = self._ask("GET", "/state").json()
        return found

    def wait_known(self, streams: Iterable[str], within: float = KNOWN_WITHIN) -> int:
        """Until it knows exactly these streams, without being asked to; the version of its catalogue."""
        wanted = set(streams)
        state: dict[str, Any] = {}

        def known() -> bool:
            state.update(self.state())
            return {a["stream_id"] for a in state["assignments"]} | set(state["unassigned"]) == wanted

        if not until(known, within=within, every=0.1):
            raise CouldNotJudge(f"the orchestrator did not take over the catalogue within {within:g} s")
        return int(state["catalogue_version"])

    def dismiss(self, instance: str) -> None:
        """Have it forget an instance, which may be gone already."""
        self._ask("DELETE", f"/instances/{instance}", expected=(httpx.codes.NO_CONTENT, httpx.codes.NOT_FOUND))

    def rebalance(self) -> int:
        """How many moves it says that the rebalance made."""
        return int(self._ask("POST", "/rebalance").json()["moves"])

    def _ask(self, method: str, path: str, expected: tuple[int, ...] = (httpx.codes.OK,)) -> httpx.Response:
        try:
            answer = self._client.request(method, path)
        except httpx.HTTPError as error:
            raise CouldNotJudge(f"{method} {path} was not answered: {type(error).__name__}: {error}") from error
        if answer.status_code not in expected:
            raise CouldNotJudge(f"{method} {path} was answered {answer.status_code}: {answer.text[:200]}")
        return answer

    def address_for(self, viewer: str | Node = HOST) -> str:
        """Its base URL for one viewer, past all links."""
        return f"http://{self.node.address('http', seen_from=viewer)}" if self.node is not None else self.url

    def close(self) -> None:
        self._client.close()
        if self.node is not None:
            self.node.remove()


def _tail(log: str, lines: int = 3) -> str:
    return " | ".join(log.splitlines()[-lines:]) or "(no log)"
