"""The arithmetic: shares, targets with the smallest number of moves, gaps as exact fractions."""

from __future__ import annotations

import itertools
import sys
from fractions import Fraction
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from .programs import HOME

sys.path.insert(0, str(HOME))

from reference_streams.orchestrator import balance, fleet, placing
from reference_streams.orchestrator.state import Instance, State, Stream

capacities = st.lists(st.integers(1, 12), min_size=1, max_size=4)


@st.composite
def fleets(draw: st.DrawFn) -> tuple[dict[str, int], dict[str, int], int]:
    """(assigned, capacities, streams): any spread that respects the capacities, and some streams besides."""
    room = {f"i{n}": c for n, c in enumerate(draw(capacities))}
    assigned = {i: draw(st.integers(0, c)) for i, c in room.items()}
    return assigned, room, sum(assigned.values()) + draw(st.integers(0, 15))


def smallest_number_of_moves(assigned: dict[str, int], room: dict[str, int], streams: int) -> int:
    """By trying every target there is."""
    fair = balance.shares(streams, room)
    choices = [{int(fair[i]), ceil(fair[i])} for i in room]
    targets = (t for t in itertools.product(*choices) if sum(t) == balance.placed(streams, room))
    return min(sum(max(0, a - t) for a, t in zip(assigned.values(), target, strict=True)) for target in targets)


@given(fleets())
def test_a_target_needs_the_smallest_number_of_moves(fleet: tuple[dict[str, int], dict[str, int], int]) -> None:
    assigned, room, streams = fleet
    target = balance.target(assigned, room, streams)
    fair = balance.shares(streams, room)
    assert sum(target.values()) == min(streams, sum(room.values()))
    assert all(abs(target[i] - fair[i]) < 1 and target[i] <= room[i] for i in room)
    assert sum(max(0, assigned[i] - target[i]) for i in room) == smallest_number_of_moves(assigned, room, streams)


@given(fleets())
def test_a_target_once_reached_needs_no_move(fleet: tuple[dict[str, int], dict[str, int], int]) -> None:
    assigned, room, streams = fleet
    target = balance.target(assigned, room, streams)
    assert balance.target(target, room, streams) == target


def test_the_gap_is_exact_on_both_sides_of_the_limit() -> None:
    room = {"small": 10, "large": 100}
    assert balance.gap({"small": 4, "large": 20}, room) == Fraction(20, 100)
    assert balance.level({"small": 4, "large": 20}, room)
    assert not balance.level({"small": 4, "large": 19}, room)
    assert balance.gap({"a": 16, "b": 12}, {"a": 20, "b": 20}) == Fraction(20, 100)


def test_more_than_two_from_the_share_is_not_level() -> None:
    room = {"a": 100, "b": 100}
    assert balance.level({"a": 12, "b": 8}, room)
    assert not balance.level({"a": 13, "b": 8}, room)


operations = st.lists(
    st.one_of(
        st.tuples(st.just("join"), st.integers(0, 4), st.integers(1, 12)),
        st.tuples(st.just("leave"), st.integers(0, 4), st.just(0)),
        st.tuples(st.just("add"), st.integers(1, 8), st.just(0)),
        st.tuples(st.just("remove"), st.integers(1, 8), st.just(0)),
        st.tuples(st.just("acknowledge"), st.integers(0, 4), st.just(0)),
    ),
    max_size=30,
)


def apply(state: State, kind: str, number: int, capacity: int) -> None:
    """What the fleet does to the state on one occasion."""
    instance, listed, fully = f"i{number}", [s.id for s in state.listed], False
    if kind == "join":
        fully = instance not in state.capacities
        state.instances[instance] = Instance(instance, "http://x", capacity, active=True)
    elif kind == "leave" and instance in state.capacities:
        state.instances[instance] = Instance(instance, "http://x", 1, active=False)
        state.release(instance)
    elif kind == "add":
        for n in range(number):
            state.list(f"s{len(state.streams) + n}", "http://x")
    elif kind == "remove":
        for stream in listed[:number]:
            state.unlist(stream)
    elif kind == "acknowledge" and instance in state.capacities:
        state.release(instance)
    placing.settle(state, fully=fully)


@given(operations)
def test_every_sequence_of_occasions_keeps_the_promises(sequence: list[tuple[str, int, int]]) -> None:
    state = State([], [], 0)
    for kind, number, capacity in sequence:
        readers = {s.id: s.held_by or s.owner for s in state.streams.values() if s.held_by or s.owner}
        apply(state, kind, number, capacity)
        room, assigned, listed = state.capacities, state.owned(), state.listed
        assert all(assigned[i] <= room[i] for i in assigned)
        assert sum(assigned.values()) == min(len(listed), sum(room.values()))
        assert balance.level({i: assigned[i] for i in room}, room) or smallest_number_of_moves({i: assigned[i] for i in room}, room, len(listed)) == 0
        for stream in state.streams.values():  # whoever may still read it keeps others from it
            before = readers.get(stream.id)
            if before in room and kind != "acknowledge" and before != stream.owner:
                assert stream.held_by == before
                assert stream.reader is None


def test_a_stream_on_its_way_that_goes_elsewhere_waits_for_the_first_owner_only() -> None:
    state = State((Instance(i, "http://x", 9, active=True) for i in "ABC"), [Stream("s", "http://x", "A")], 0)
    state.give("s", "B")
    state.give("s", "C")
    assert state.streams["s"] == Stream("s", "http://x", "C", held_by="A")
    state.give("s", "A")
    assert state.streams["s"] == Stream("s", "http://x", "A")
    assert [s.id for s in state.assignment("A")] == ["s"]


def test_versions_grow_only_for_those_whose_assignment_changes() -> None:
    state = State((Instance(i, "http://x", 9, active=True, version=5) for i in "ABC"), [Stream("s", "http://x", "A")], 0)
    state.give("s", "B")
    state.finish()
    assert {i.id: i.version for i in state.instances.values()} == {"A": 6, "B": 5, "C": 5}


def test_a_hundred_instances_and_a_thousand_streams_are_settled() -> None:
    state = State((Instance(f"i{n}", "http://x", 20, active=True) for n in range(100)), (Stream(f"s{n}", "http://x", "i0") for n in range(20)), 0)
    for n in range(20, 1000):
        state.list(f"s{n}", "http://x")
    placing.settle(state, fully=True)
    assert set(state.owned().values()) == {10}


def test_what_a_returning_instance_still_reads_of_queued_streams_is_held_until_it_has_stopped() -> None:
    state = State([Instance("A", "http://x", 1, active=False)], (Stream(f"s{n}", "http://x") for n in range(2)), 0)
    fleet.admit(state, fleet.Registration("A", "http://x", 1, ("s0", "s1", "unknown")))
    state.instances["B"] = Instance("B", "http://x", 1, active=True)
    placing.settle(state)
    assert state.streams["s0"] == Stream("s0", "http://x", "A")
    assert state.streams["s1"] == Stream("s1", "http://x", "B", held_by="A")
