"""The five outcomes of a judgement, and the exceptions that lead to the ones that are not a verdict."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What a scenario or a criterion came to. The worst of several counts (see ``worst``)."""

    MET = "met"
    VIOLATED = "violated"
    NOT_APPLICABLE = "not applicable"
    COULD_NOT_JUDGE = "could not judge"
    BROKEN = "broken"


# violated > broken > could not judge > met; "not applicable" only where nothing else was said.
_SEVERITY = [Outcome.VIOLATED, Outcome.BROKEN, Outcome.COULD_NOT_JUDGE, Outcome.MET, Outcome.NOT_APPLICABLE]


def worst(outcomes: list[Outcome]) -> Outcome:
    """The outcome of a criterion from those of its scenarios; an empty list is *could not judge*."""
    return min(outcomes, key=_SEVERITY.index, default=Outcome.COULD_NOT_JUDGE)


class ExitCode:
    """What ``behave`` exits with."""

    MET = 0
    VIOLATED = 1
    BAD_INPUT = 2
    NOT_JUDGED = 3  # could not judge, or broken


class BadInput(Exception):
    """What the user gave cannot be used. The message is the one line that the user sees: what, where, what to do."""


class CouldNotJudge(Exception):
    """The system was not proven wrong, but nothing was proven either: the fault did not bite, a precondition never came, the tester fell behind."""
