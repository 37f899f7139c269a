"""Defect: an active instance that registers again with more room keeps its old capacity. Breaks R1.2."""

from dataclasses import replace

from reference_streams.orchestrator import fleet

admit = fleet.admit


def admit_no_more(state, registration):
    known = state.instances.get(registration.instance_id)
    if known and known.active:
        registration = replace(registration, capacity=min(known.capacity, registration.capacity))
    admit(state, registration)


fleet.admit = admit_no_more
