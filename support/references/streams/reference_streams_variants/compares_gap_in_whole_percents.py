"""Defect: load factors are rounded to whole percents before they are compared. Breaks R1.3."""

from fractions import Fraction

from reference_streams.orchestrator import balance


def rounded_gap(assigned, capacities):
    loads = [round(100 * assigned.get(name, 0) / capacity) for name, capacity in capacities.items()]
    return Fraction(max(loads) - min(loads), 100) if loads else Fraction(0)


balance.gap = rounded_gap
