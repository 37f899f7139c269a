"""Decisions about owners: who gets what is homeless, and what moves. Pure: they change a ``State`` and nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from . import balance
from .state import State, Stream


def settle(state: State, *, fully: bool = False) -> None:
    """Place everything that fits, queue the rest; then, ``fully`` or when the spread is not level, move to a target."""
    capacities = state.capacities
    homeless = homeless_streams(state)
    assigned = dict.fromkeys(capacities, 0)
    for stream in state.listed:
        if stream.owner in assigned and stream.id not in homeless:
            assigned[stream.owner] += 1
    target = balance.target(assigned, capacities, len(state.listed))
    place(state, sorted(homeless), assigned, target)
    if fully or not balance.level(assigned, capacities):
        move(state, assigned, target)


def homeless_streams(state: State) -> set[str]:
    """Those without an active owner, and those that their owner has no longer the capacity for."""
    homeless = {s.id for s in state.listed if s.owner not in state.capacities}
    for instance_id, surplus in (state.owned() - Counter(state.capacities)).items():
        homeless |= {s.id for s in easiest_to_take(state, instance_id)[:surplus]}
    return homeless


def easiest_to_take(state: State, instance_id: str) -> list[Stream]:
    """An owner's streams, those first that it has not begun to read."""
    return sorted((s for s in state.listed if s.owner == instance_id), key=lambda s: (s.reader is not None, s.id))


def place(state: State, homeless: list[str], assigned: dict[str, int], target: dict[str, int]) -> None:
    """Give each homeless stream to whoever is furthest below its target; queue what does not fit."""
    placed = 0
    for stream_id, taker in zip(homeless, vacancies(assigned, target), strict=False):
        state.give(stream_id, taker)
        placed += 1
    queue(state, homeless[placed:])


def queue(state: State, homeless: list[str]) -> None:
    for stream_id in homeless:
        state.give(stream_id, None)


def move(state: State, assigned: dict[str, int], target: dict[str, int]) -> None:
    """Move what everybody has above its target to those below theirs."""
    surplus = [s for i in sorted(target) for s in easiest_to_take(state, i)[:max(0, assigned[i] - target[i])]]
    for stream, taker in zip(surplus, vacancies(assigned, target), strict=False):
        assigned[stream.owner or ""] -= 1
        state.give(stream.id, taker)


def vacancies(assigned: dict[str, int], target: dict[str, int]) -> Iterator[str]:
    """Whoever lacks most streams to its target, again and again until nobody lacks any; counts what is given."""
    while lacking := [i for i in target if assigned[i] < target[i]]:
        taker = min(lacking, key=lambda i: (assigned[i] - target[i], balance.tie_break(i)))
        assigned[taker] += 1
        yield taker
