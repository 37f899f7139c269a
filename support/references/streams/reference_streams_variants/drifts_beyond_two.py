"""Defect: how far an instance is from its share does not matter, only the gap between load factors does. Breaks R1.4."""

from fractions import Fraction

from reference_streams.orchestrator import balance

balance.distance = lambda assigned, capacities: Fraction(0)
