"""What a step needs, said where it is defined, so that the plan knows it before anything is started.

    @when('worker "{name}" is {fault}')
    @needs("link", given=lambda fault, **_: [FAULTS[fault].capability])
    def step_impl(context, name, fault): ...

A capability is one of the testbed (``start kill stop restart freeze signal run link``) or of the system's contract
(``views``, ``rebalance``). ``freeze:orchestrator`` is a capability used on one program of the target: where that program
runs already, its target file must allow it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

_Step = TypeVar("_Step", bound=Callable[..., Any])


@dataclass(frozen=True)
class Needs:
    """Capabilities, clusters, and the time (seconds) that must pass in the step however fast everything is, as far as is known beforehand."""

    capabilities: frozenset[str] = frozenset()
    clusters: frozenset[str] = frozenset()
    seconds: float = 0.0

    def __or__(self, other: Needs) -> Needs:
        return Needs(self.capabilities | other.capabilities, self.clusters | other.clusters, self.seconds + other.seconds)


@dataclass(frozen=True)
class _Declared:
    needs: Needs
    given: Callable[..., Iterable[str]] | None
    lasts: Callable[..., float] | None


def needs(
    *capabilities: str,
    clusters: Iterable[str] = (),
    seconds: float | Callable[..., float] = 0.0,
    given: Callable[..., Iterable[str]] | None = None,
) -> Callable[[_Step], _Step]:
    """Declare a step function's needs; stands below ``@given/@when/@then``.

    ``given`` gets the parsed arguments by name and answers with further capabilities; ``seconds``, if it is a function, with the time.
    """
    fixed, lasts = (0.0, seconds) if callable(seconds) else (seconds, None)
    declared = _Declared(Needs(frozenset(capabilities), frozenset(clusters), fixed), given, lasts)

    def mark(function: _Step) -> _Step:
        function.declared_needs = declared  # type: ignore[attr-defined]
        return function

    return mark


def needs_of(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Needs:
    """What a step function declared, for these parsed arguments; nothing if it declared nothing."""
    declared: _Declared | None = getattr(function, "declared_needs", None)
    if declared is None:
        return Needs()
    further = frozenset(declared.given(**arguments)) if declared.given else frozenset()
    return declared.needs | Needs(further, seconds=declared.lasts(**arguments) if declared.lasts else 0.0)
