"""Waiting: observe until something is so, with one deadline. Nothing in the suite sleeps and then looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

T = TypeVar("T")


def until(look: Callable[[], T | None], *, within: float, every: float = 0.02) -> T | None:
    """Call ``look`` until it answers something true, at most ``within`` seconds; then that answer, else None.

    ``look`` is called at least once, and once more at the end. Its exceptions pass through.
    """
    retrying = Retrying(stop=stop_after_delay(within), wait=wait_fixed(every), retry=retry_if_result(lambda answer: not answer))
    try:
        return retrying(look)
    except RetryError:
        return None
