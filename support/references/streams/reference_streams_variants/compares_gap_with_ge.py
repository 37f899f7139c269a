"""Defect: a gap of exactly 20 points is enough for a rebalance. Breaks R1.3."""

from reference_streams.orchestrator import balance

level = balance.level


def level_below_20(assigned, capacities):
    return level(assigned, capacities) and balance.gap(assigned, capacities) < balance.GREATEST_GAP


balance.level = level_below_20
