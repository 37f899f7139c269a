"""Defect: an active instance that registers with a smaller capacity keeps the old one, and its streams. Breaks R1.5."""

from dataclasses import replace

from reference_streams.orchestrator import fleet

admit = fleet.admit


def admit_with_greatest_capacity(state, registration):
    capacity = max(registration.capacity, state.capacities.get(registration.instance_id, 0))
    admit(state, replace(registration, capacity=capacity))


fleet.admit = admit_with_greatest_capacity
