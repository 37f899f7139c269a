"""Defect: what is queued is placed only when something else has lost its owner. Breaks R1.1."""

from reference_streams.orchestrator import placing

homeless_streams = placing.homeless_streams


def homeless_if_any_was_lost(state):
    homeless = homeless_streams(state)
    return homeless if any(state.streams[i].owner is not None for i in homeless) else set()


placing.homeless_streams = homeless_if_any_was_lost
