"""A check: a pure function from a history to a verdict, with its parameters, so that a stored run can be judged again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from support.evidence.history import History
from support.evidence.verdict import Verdict

_CHECKS: dict[str, type[Check]] = {}


@dataclass(frozen=True)
class Check:
    """Subclasses are frozen dataclasses whose fields are plain JSON values: they are stored beside the history.

    ``judge`` may be called often on a growing history; it answers an open verdict (``outcome=None``) while both ends are
    possible, and must decide once the history reaches past its own deadline. With ``final`` it decides at once
    (nothing more will be recorded). It never reads a clock, a file or a setting.
    """

    name: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.name = cls.__name__
        _CHECKS[cls.__name__] = cls

    def judge(self, history: History, *, final: bool = False) -> Verdict:
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        return {"check": self.name, **asdict(self)}


def check_from_dict(data: dict[str, Any]) -> Check:
    """The check that ``Check.to_dict`` described. Raises KeyError for a name that no loaded module defines."""
    arguments = dict(data)
    return _CHECKS[arguments.pop("check")](**arguments)
