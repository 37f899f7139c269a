"""Defect: a rebalance deals all streams out anew instead of moving the surplus only. Breaks R1.3."""

from reference_streams.orchestrator import placing


def deal_anew(state, assigned, target):
    places = [i for i in sorted(target) for _ in range(target[i])]
    placed = sorted((s for s in state.listed if s.owner is not None), key=lambda s: s.id[::-1])
    for stream, owner in zip(placed, places, strict=False):
        state.give(stream.id, owner)


placing.move = deal_anew
