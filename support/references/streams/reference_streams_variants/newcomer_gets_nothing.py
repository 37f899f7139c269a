"""Defect: no stream is ever moved to an instance that has none; it gets only what is queued. Breaks R1.1."""

from reference_streams.orchestrator import placing

move = placing.move


def move_among_the_busy(state, assigned, target):
    move(state, assigned, {i: wanted if assigned[i] else 0 for i, wanted in target.items()})


placing.move = move_among_the_busy
