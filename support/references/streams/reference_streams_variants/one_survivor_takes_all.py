"""Defect: one instance gets everything that a lost one had, and keeps it as long as it has room. Breaks R1.4."""

from reference_streams.orchestrator import balance, placing

place = placing.place


def place_at_one(state, homeless, assigned, target):
    orphans = [s for s in homeless if state.streams[s].owner is not None]
    heir = next((i for i in sorted(target) if state.capacities[i] - assigned[i] >= len(orphans)), None)
    if orphans and heir:
        balance.level = lambda assigned, capacities: True
        for stream_id in orphans:
            state.give(stream_id, heir)
        assigned[heir] += len(orphans)
        homeless = [s for s in homeless if s not in orphans]
    place(state, homeless, assigned, target)


placing.place = place_at_one
