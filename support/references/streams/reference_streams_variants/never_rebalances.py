"""Defect: a spread is always taken for level, so that only a registration moves streams. Breaks R1.3."""

from reference_streams.orchestrator import balance

balance.level = lambda assigned, capacities: True
