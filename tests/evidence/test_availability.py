"""RTO and availability on simulated probes of known truth."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from support.evidence.availability import Availability, Rto
from support.evidence.check import check_from_dict
from support.evidence.history import SECOND, Event, History
from support.outcomes import Outcome

PERIOD = SECOND // 20
START = 1000 * SECOND
LATENCY = 4_000_000  # ns


def probing(rate: float = 20.0) -> Event:
    return Event(START - PERIOD, "prober", "probing", {"name": "p", "rate": rate, "timeout": 1.0, "first": START})


def probe(k: int, ok: bool | None, latency: int = LATENCY) -> Event:
    """The k-th probe of the schedule; ok None: not sent."""
    scheduled = START + k * PERIOD
    sent, done = (None if ok is None else scheduled), scheduled + latency
    return Event(done, "prober", "probe", {"name": "p", "scheduled": scheduled, "sent": sent, "done": done, "ok": bool(ok), "status": 200})


def answered(k: int) -> float:
    """Seconds from START to the answer of the k-th probe."""
    return (k * PERIOD + LATENCY) / SECOND


def outcomes(text: str) -> History:
    """A history from a picture: ``+`` good, ``-`` bad, ``?`` not sent, ``.`` no record."""
    known = {"+": True, "-": False, "?": None}
    events = [probe(k, known[sign]) for k, sign in enumerate(text) if sign != "."]
    return History([probing(), *events, Event(START + len(text) * PERIOD, "observer", "tick")])


def later(history: History, seconds: float) -> History:
    return History([*history, Event(history.now + round(seconds * SECOND), "observer", "tick")])


def rto(**changes: float) -> Rto:
    return Rto(**{"probe": "p", "since": START, "limit": 10.0, **changes})  # type: ignore[arg-type]


@settings(max_examples=60)
@given(before=st.integers(0, 40), down=st.integers(1, 300), offset=st.integers(0, PERIOD - 1))
def test_rto_is_the_outage_rounded_up_to_the_next_probe(before: int, down: int, offset: int) -> None:
    fault = START + before * PERIOD + offset
    healed = fault + down * PERIOD // 2

    def up(k: int) -> bool:
        return not fault <= START + k * PERIOD < healed

    history = History([probing(), *(probe(k, up(k)) for k in range(before + down + 120))])
    verdict = Rto("p", fault, limit=1000).judge(history)
    assert verdict.met and verdict.value is not None
    assert 0 <= verdict.value * SECOND - (healed - fault) <= PERIOD + LATENCY + 1000


def test_a_success_in_between_is_no_recovery() -> None:
    verdict = rto().judge(outcomes("-" * 20 + "+" * 60 + "-" * 20 + "+" * 100))
    assert verdict.met
    assert verdict.value == answered(100)


def test_one_failure_in_a_hundred_is_still_good() -> None:
    assert rto().judge(outcomes("--" + "+" * 50 + "-" + "+" * 60)).value == answered(2)
    assert rto().judge(outcomes("--" + "+" * 50 + "--" + "+" * 160)).value == answered(54)


def test_a_recovery_after_the_limit_is_violated_with_its_value() -> None:
    verdict = rto(limit=1, window=20).judge(outcomes("-" * 40 + "+" * 100))
    assert verdict.outcome is Outcome.VIOLATED
    assert verdict.value == answered(40)
    assert verdict.margin is not None and verdict.margin < 0


def test_never_recovered_is_violated() -> None:
    verdict = rto(limit=3).judge(outcomes("-" * 70))
    assert verdict.outcome is Outcome.VIOLATED
    assert verdict.value is None
    assert "not recovered within 3 s" in verdict.seen


def test_rto_is_open_until_it_is_known() -> None:
    assert rto().judge(outcomes("-" * 20)).open
    assert rto().judge(outcomes("-" * 20 + "+" * 99)).open
    assert rto().judge(outcomes("-" * 20 + "+" * 100)).met
    assert rto().judge(outcomes("-" * 20 + "+" * 99), final=True).outcome is Outcome.COULD_NOT_JUDGE
    assert rto().judge(History()).open
    assert rto().judge(History(), final=True).outcome is Outcome.COULD_NOT_JUDGE


def test_more_than_one_percent_unknown_cannot_be_judged() -> None:
    assert rto().judge(outcomes("-" * 100 + "?" + "+" * 101)).met
    for gap in "?.":
        history = later(outcomes("-" * 100 + gap * 3 + "+" * 110), 3)
        verdict = rto().judge(history)
        assert verdict.outcome is Outcome.COULD_NOT_JUDGE
        assert verdict.details["unknown"] == 3


def test_without_a_failure_the_first_answer_counts() -> None:
    verdict = rto().judge(outcomes("+" * 100))
    assert verdict.met
    assert verdict.value == answered(0)
    assert "no probe failed" in verdict.seen


def availability(probes: int, limit: float = 99.0) -> Availability:
    return Availability("p", START, START + probes * PERIOD, limit)


@given(st.lists(st.booleans(), min_size=1, max_size=400))
def test_availability_is_the_share_of_good_probes(answers: list[bool]) -> None:
    verdict = availability(len(answers)).judge(outcomes("".join("-+"[ok] for ok in answers)))
    true = 100 * sum(answers) / len(answers)
    assert verdict.value == true
    assert verdict.outcome is (Outcome.MET if true >= 99 else Outcome.VIOLATED)
    assert verdict.samples == len(answers)
    assert verdict.interval is None


def test_availability_waits_for_the_end_of_its_window() -> None:
    check = availability(200)
    assert check.judge(outcomes("+" * 199)).open
    assert check.judge(outcomes("+" * 200)).met
    assert check.judge(outcomes("+" * 150), final=True).outcome is Outcome.COULD_NOT_JUDGE


def test_a_slow_answer_belongs_to_its_scheduled_time() -> None:
    late = [probe(k, True, latency=900_000_000) for k in range(20)]
    bad = [probe(k, False) for k in range(20, 40)]
    verdict = availability(20).judge(later(History([probing(), *late, *bad]), 3))
    assert (verdict.value, verdict.samples) == (100.0, 20)


def test_unknown_probes_are_neither_good_nor_bad() -> None:
    assert availability(200).judge(later(outcomes("+" * 198 + "?."), 3)).value == 100.0
    verdict = availability(200).judge(later(outcomes("+" * 197 + "??."), 3))
    assert verdict.outcome is Outcome.COULD_NOT_JUDGE
    assert "3 of 200" in verdict.seen


def test_checks_survive_being_stored() -> None:
    for check in (rto(), availability(10)):
        assert check_from_dict(check.to_dict()) == check
