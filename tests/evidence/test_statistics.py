"""The Wilson interval against values from the literature and its own laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.evidence.statistics import wilson


@pytest.mark.parametrize(
    ("successes", "samples", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (29, 29, 0.8830, 1.0)],  # Newcombe 1998, table I
)
def test_agrees_with_newcombe(successes: int, samples: int, low: float, high: float) -> None:
    assert wilson(successes, samples) == pytest.approx((low, high), abs=0.0001)


def test_without_samples_nothing_is_known() -> None:
    assert wilson(0, 0) == (0.0, 1.0)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_holds_the_share_and_narrows_with_samples(pair: tuple[int, int]) -> None:
    successes, samples = pair
    low, high = wilson(successes, samples)
    assert 0 <= low <= successes / samples <= high <= 1
    many_low, many_high = wilson(4 * successes, 4 * samples)
    assert many_high - many_low < high - low
