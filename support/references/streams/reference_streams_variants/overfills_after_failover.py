"""Defect: the streams of an instance that is gone are handed out evenly, whatever the others have room for. Breaks R1.2."""

from itertools import cycle

from reference_streams.orchestrator import placing

place = placing.place


def place_orphans_anywhere(state, homeless, assigned, target):
    orphans = [s for s in homeless if state.streams[s].owner is not None and target]
    for stream_id, taker in zip(orphans, cycle(sorted(target)), strict=False):
        state.give(stream_id, taker)
        assigned[taker] += 1
    place(state, [s for s in homeless if s not in orphans], assigned, target)


placing.place = place_orphans_anywhere
