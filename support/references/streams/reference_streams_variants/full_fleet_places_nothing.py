"""Defect: when not everything fits, nothing is placed at all. Breaks R1.2."""

from reference_streams.orchestrator import placing

place = placing.place


def place_all_or_nothing(state, homeless, assigned, target):
    room = sum(target.values()) - sum(assigned.values())
    if len(homeless) > room:
        placing.queue(state, homeless)
    else:
        place(state, homeless, assigned, target)


placing.place = place_all_or_nothing
