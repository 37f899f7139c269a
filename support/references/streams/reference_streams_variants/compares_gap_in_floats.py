"""Defect: load factors are compared as floats, so that 0.8 - 0.6 is more than 20 points. Breaks R1.3."""

from reference_streams.orchestrator import balance


def float_gap(assigned, capacities):
    factors = [assigned.get(i, 0) / capacity for i, capacity in capacities.items()]
    return max(factors) - min(factors) if factors else 0.0


def level(assigned, capacities):
    return balance.gap(assigned, capacities) <= 0.2 and balance.distance(assigned, capacities) <= balance.GREATEST_DISTANCE


balance.gap, balance.level = float_gap, level
