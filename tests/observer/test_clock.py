"""The virtual clock: its answers, its holding, and an advance that waits for those who follow."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.observer.conftest import OpenScope


class Follower:
    """A program that follows the clock; ``work`` is what it does when an epoch begins."""

    def __init__(self, scope: OpenScope, name: str, work: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
        self.url, self.name, self.work = f"{scope.url}/clock", name, work
        self.seen: list[dict[str, Any]] = []

    def follow(self, epochs: int) -> None:
        with httpx.Client(timeout=30, trust_env=False) as client:
            now = client.get(self.url, params={"name": self.name}).json()
            for _ in range(epochs):
                now = client.get(self.url, params={"name": self.name, "epoch": now["epoch"]}).json()
                self.seen.append(now)
                self.work(now)
            with pytest.raises(httpx.ReadTimeout):  # says that it followed, then goes away
                client.get(self.url, params={"name": self.name, "epoch": now["epoch"]}, timeout=0.2)


def test_it_runs_with_real_time(scope: OpenScope, http: httpx.Client) -> None:
    begun = time.monotonic()
    before, sleeping = http.get(f"{scope.url}/clock").json(), time.monotonic()
    time.sleep(0.1)
    woken = time.monotonic()
    after, ended = http.get(f"{scope.url}/clock").json(), time.monotonic()
    assert before["epoch"] == after["epoch"] == 0
    assert after["rate"] == 1
    assert woken - sleeping - 1e-4 <= after["base"] - before["base"] <= ended - begun + 1e-4


def test_an_advance_is_exact_and_in_steps(scope: OpenScope) -> None:
    begun, before, sleeping = time.monotonic(), scope.call("clock.state")["base"], time.monotonic()
    assert scope.call("clock.advance", seconds=301, step=60) == {"epoch": 6, "late": []}
    woken, after, ended = time.monotonic(), scope.call("clock.state")["base"], time.monotonic()
    assert 301 + woken - sleeping - 1e-4 <= after - before <= 301 + ended - begun + 1e-4
    times = [e["virtual"] for e in scope.events("clock")]
    assert len(times) == 6
    assert all(b - a < 61 for a, b in itertools.pairwise(times))


def test_each_step_waits_for_the_work_of_every_follower(scope: OpenScope, eventually: Callable[[Callable[[], Any]], Any]) -> None:
    worked: list[tuple[str, int]] = []

    def work(name: str, seconds: float) -> Callable[[dict[str, Any]], None]:
        def do(now: dict[str, Any]) -> None:
            time.sleep(seconds)
            worked.append((name, now["epoch"]))

        return do

    with ThreadPoolExecutor(2) as pool:
        for name, seconds in (("quick", 0.0), ("slow", 0.1)):
            pool.submit(Follower(scope, name, work(name, seconds)).follow, 3)
        eventually(lambda: scope.call("clock.state")["followers"] == ["quick", "slow"])
        assert scope.call("clock.advance", seconds=30, step=10)["late"] == []
        assert [epoch for _, epoch in worked] == [1, 1, 2, 2, 3, 3]
    eventually(lambda: scope.call("clock.state")["followers"] == [])


def test_one_who_leaves_is_not_waited_for(scope: OpenScope, http: httpx.Client, eventually: Callable[[Callable[[], Any]], Any]) -> None:
    with pytest.raises(httpx.ReadTimeout):
        http.get(f"{scope.url}/clock", params={"name": "gone", "epoch": 0}, timeout=0.1)
    eventually(lambda: scope.call("clock.state")["followers"] == [])
    started = time.monotonic()
    assert scope.call("clock.advance", seconds=300, step=1)["late"] == []
    assert time.monotonic() - started < 5


def test_one_who_does_not_follow_is_named_and_dropped(scope: OpenScope, eventually: Callable[[Callable[[], Any]], Any]) -> None:
    """It takes its answer and never asks again, as a frozen process does."""
    with ThreadPoolExecutor(1) as pool:
        frozen = pool.submit(httpx.get, f"{scope.url}/clock", params={"name": "frozen", "epoch": "0"}, timeout=30, trust_env=False)
        eventually(lambda: scope.call("clock.state")["followers"] == ["frozen"])
        assert scope.call("clock.advance", seconds=60, step=30, patience=0.2) == {"epoch": 2, "late": ["frozen"]}
        assert frozen.result().json()["epoch"] == 1
    assert [(e["epoch"], e["names"]) for e in scope.events("clock-late")] == [(1, ["frozen"])]


def test_an_old_epoch_is_answered_at_once(scope: OpenScope, http: httpx.Client) -> None:
    scope.call("clock.advance", seconds=5, step=5)
    assert http.get(f"{scope.url}/clock", params={"name": "late", "epoch": 0}).json()["epoch"] == 1


@pytest.mark.parametrize("query", [{"epoch": "0"}, {"name": "x", "epoch": "first"}])
def test_bad_questions_are_refused(scope: OpenScope, http: httpx.Client, query: dict[str, str]) -> None:
    assert http.get(f"{scope.url}/clock", params=query).status_code == 422
