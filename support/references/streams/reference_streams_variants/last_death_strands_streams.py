"""Defect: what the last instance had is queued and never looked at again. Breaks R1.2."""

from reference_streams.orchestrator import placing

queue, homeless_streams = placing.queue, placing.homeless_streams
stranded: set[str] = set()


def queue_or_strand(state, homeless):
    if not state.capacities:
        stranded.update(i for i in homeless if state.streams[i].owner is not None)
    queue(state, homeless)


def homeless_but_for_stranded(state):
    return homeless_streams(state) - stranded


placing.queue, placing.homeless_streams = queue_or_strand, homeless_but_for_stranded
