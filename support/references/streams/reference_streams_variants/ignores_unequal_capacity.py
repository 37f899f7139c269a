"""Defect: everybody gets the same number of streams (as far as it has room), whatever its capacity. Breaks R1.1."""

from reference_streams.orchestrator import balance


def equal_counts(assigned, capacities, streams):
    counts = dict.fromkeys(capacities, 0)
    for _ in range(balance.placed(streams, capacities)):
        counts[min((i for i in counts if counts[i] < capacities[i]), key=lambda i: (counts[i], i))] += 1
    return counts


balance.target = equal_counts
