"""The second implementation's decisions: pure functions, against brute force and chance."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from itertools import product
from math import ceil, floor
from typing import Any

import pytest
from stdlib_streams import state as decide
from stdlib_streams.balance import Scales
from stdlib_streams.state import State


def fewest_moves(loads: dict[str, int], scales: Scales) -> int:
    shares = {i: Fraction(scales.placed * c, scales.total) for i, c in scales.capacities.items()}
    targets = product(*({floor(shares[i]), ceil(shares[i])} for i in loads))
    return min(sum(max(0, a - t) for a, t in zip(loads.values(), target, strict=True)) for target in targets if sum(target) == scales.placed)


@pytest.mark.parametrize("seed", range(10))
def test_places_and_moves_reach_a_target_with_the_fewest_moves(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(50):
        capacities = {i: chance.randint(1, 12) for i in "ABCDE"[: chance.randint(1, 5)]}
        loads = {i: chance.randint(0, c) for i, c in capacities.items()}
        scales = Scales(loads, capacities, sum(loads.values()) + chance.choice([0, 0, 1, 5, 50]))
        fewest = fewest_moves(loads, scales)
        assert len(list(scales.place())) == scales.placed - sum(loads.values())
        assert len(list(scales.moves())) == fewest, (capacities, loads)
        for instance, capacity in capacities.items():
            share = Fraction(scales.placed * capacity, scales.total)
            assert floor(share) <= scales.loads[instance] <= min(ceil(share), capacity)


@pytest.mark.parametrize(("large", "tilted"), [(20, False), (19, True)])
def test_a_gap_of_exactly_20_points_is_none(large: int, tilted: bool) -> None:
    scales = Scales({"small": 4, "large": large}, {"small": 10, "large": 100}, 4 + large)
    assert scales.tilted() is tilted
    assert len(list(scales.moves())) == 1  # for whoever asks for it


class Told:
    """Workers that answer whenever chance lets them: what each may be reading is what it was told and has not given up."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.reading: dict[str, set[str]] = {}
        self.sent: dict[str, tuple[int, set[str]]] = {}

    def apply(self, decision: Any) -> None:
        after = self.state.copy()
        decision(after)
        decide.conclude(self.state, after)
        self.state = after
        for instance in after.instances.values():
            if instance.active:
                self.sent[instance.id] = instance.version, set(after.told()[instance.id])
            else:
                self.reading.pop(instance.id, None)

    def answer(self, instance_id: str) -> None:
        version, streams = self.sent[instance_id]
        self.reading[instance_id] = streams
        readers = Counter(s for streams in self.reading.values() for s in streams)
        assert not [s for s, n in readers.items() if n > 1], "told before the other one had stopped"
        self.apply(lambda s: decide.acknowledge(s, instance_id, version))


@pytest.mark.parametrize("seed", range(20))
def test_any_sequence_keeps_the_promises(seed: int) -> None:
    chance = random.Random(seed)
    told = Told(State())
    for step in range(60):
        active = [i.id for i in told.state.instances.values() if i.active]
        kind = chance.choice(["register", "register", "leave", "catalogue", "answer", "answer", "answer"])
        if kind == "register":
            name, capacity = chance.choice("ABCDEF"), chance.randint(1, 30)
            told.apply(lambda s, name=name, capacity=capacity: decide.register(s, name, "http://w", capacity, told.reading.get(name, ())))
        elif kind == "leave" and active:
            gone = chance.sample(active, chance.randint(1, len(active)))
            told.apply(lambda s, gone=gone: decide.leave(s, *gone))
        elif kind == "catalogue":
            ids = {f"s{n}": "http://s" for n in range(60) if chance.random() < 0.7}
            told.apply(lambda s, step=step, ids=ids: decide.renew_catalogue(s, step + 1, ids))
        elif active:
            told.answer(chance.choice(active))
        if told.state.scales().tilted():
            told.apply(decide.even_out)
        judge(told.state)
    for _ in range(3):
        for instance in [i.id for i in told.state.instances.values() if i.active]:
            told.answer(instance)
    assert all(s.holder == s.owner and s.listed for s in told.state.streams.values()), "somebody was never told"


def judge(state: State) -> None:
    scales = state.scales()
    assert sum(scales.loads.values()) == scales.placed
    assert all(load <= scales.capacities[i] and abs(scales.excess(i)) <= 2 * scales.total for i, load in scales.loads.items())
    assert all(state.instances[i].assigned == load for i, load in scales.loads.items())
