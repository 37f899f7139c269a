"""Verdicts in words."""

from __future__ import annotations

import pytest

from support.evidence.verdict import Verdict
from support.evidence.wording import headline, margin, measured, number, sentence
from support.outcomes import Outcome


def verdict(**changes: object) -> Verdict:
    values = {"outcome": Outcome.MET, "promise": 'every stream of "B" is read by another within 60 s', "seen": "10 of 10 streams read by another",
              "value": 6.4177, "limit": 60.0, "unit": "s", "error": 0.0312, **changes}
    return Verdict(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(("value", "text"), [
    (0, "0"), (3.0, "3"), (6.4177, "6.42"), (53.5823, "53.6"),
    (1234.4, "1234"), (0.03123, "0.0312"), (0.5, "0.5"), (0.71429, "0.714"), (0.0004, "0.0004"), (0.00001, "0"),
    (-10.24, "-10.2"), (-0.25, "-0.25"),
])
def test_a_number_is_plain(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(("changes", "text"), [
    ({}, "6.42 s ± 0.03 s of 60 s"),
    ({"error": None}, "6.42 s of 60 s"),
    ({"value": 0.00416, "error": 0.0472}, "0 s ± 0.05 s of 60 s"),
    ({"value": 99.44, "limit": 99.0, "unit": "%", "better": "higher", "error": 0.1}, "99.4 % ± 0.1 %, at least 99 %"),
    ({"value": 3.0, "limit": 3.0, "unit": "moves", "better": "equal", "error": None}, "3 moves, exactly 3 moves"),
    ({"value": 1.0, "limit": 1.0, "unit": "moves", "better": "equal", "error": None}, "1 move, exactly 1 move"),
    ({"value": 1.25, "limit": 2.0, "unit": "streams", "error": None}, "1.25 streams, at most 2 streams"),
    ({"limit": None, "error": None}, "6.42 s"),
    ({"value": 0.0, "limit": 0.0, "unit": "breaches", "error": None}, "0 breaches, none allowed"),
    ({"value": None}, "10 of 10 streams read by another"),
    ({"value": 61.5, "outcome": Outcome.VIOLATED, "details": {"censored": True}}, "over 61.5 s of 60 s"),
    ({"value": 12.0, "outcome": None, "error": None, "details": {"censored": True}}, "12 s of 60 s"),
])
def test_headline(changes: dict[str, object], text: str) -> None:
    assert headline(verdict(**changes)) == text


def test_an_interval_is_stated() -> None:
    shares = verdict(value=71.0, unit="%", error=None, interval=(68.25, 73.5), limit=None)
    assert measured(shares) == "71 % (68.2 to 73.5 %)"


def test_margin_says_how_far_a_limit_was_missed() -> None:
    assert margin(verdict(value=70.25, outcome=Outcome.VIOLATED)) == "-10.2 s"
    assert margin(verdict(value=60.0, outcome=Outcome.VIOLATED, details={"censored": True})) == "exceeded"
    assert margin(verdict(better="equal")) == ""


def test_a_violation_names_the_promise_and_the_suspects() -> None:
    said = sentence(verdict(outcome=Outcome.VIOLATED, seen="3 of 10 streams read by another", suspects=tuple(f"s{i:02}" for i in range(7)),
                            value=60.0, details={"censored": True}))
    assert said == ('violated: 3 of 10 streams read by another; s00, s01, s02, s03, s04 and 2 more - every stream of "B" is read by another '
                    "within 60 s (over 60 s of 60 s)")


def test_suspects_that_were_named_are_not_named_again() -> None:
    assert sentence(verdict(outcome=Outcome.VIOLATED, seen="never: s04", suspects=("s04",), value=None)).count("s04") == 1


def test_an_open_verdict_is_waiting() -> None:
    assert sentence(verdict(outcome=None, value=12.0, error=None, seen="37 of 40 streams read")).startswith("waiting: 37 of 40 streams read - ")
