"""Defect: a gap of more than 15 points is enough for a rebalance. Breaks R1.3."""

from fractions import Fraction

from reference_streams.orchestrator import balance

balance.GREATEST_GAP = Fraction(15, 100)
