"""Defect: streams on their way to or from an instance that dies are never placed again. Breaks R1.5."""

from reference_streams.orchestrator import fleet, placing

homeless_streams, deactivate = placing.homeless_streams, fleet.deactivate
lost = set()


def deactivate_and_lose(state, instance_id):
    moving = [s.id for s in state.listed if s.held_by and instance_id in (s.owner, s.held_by)]
    deactivate(state, instance_id)
    placing.queue(state, moving)
    lost.update(moving)


placing.homeless_streams = lambda state: homeless_streams(state) - lost
fleet.deactivate = deactivate_and_lose
