"""Defect: targets are shares rounded down, so that up to one stream less than there are instances is never placed. Breaks R1.2."""

from reference_streams.orchestrator import balance


def rounded_down(assigned, capacities, streams):
    return {i: int(share) for i, share in balance.shares(streams, capacities).items()}


balance.target = rounded_down
