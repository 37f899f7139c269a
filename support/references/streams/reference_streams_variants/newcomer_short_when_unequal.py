"""Defect: among unequal capacities, a newcomer gets one less than its share rounded down. Breaks R1.1."""

from reference_streams.orchestrator import balance

from reference_streams_variants import newcomer_short_when_queued as short


def among_unequal(state, newcomer):
    unequal = len(set(state.capacities.values())) > 1
    return newcomer in state.capacities and unequal and balance.shares(len(list(state.listed)), state.capacities)[newcomer] > 2


short.concerned = among_unequal
