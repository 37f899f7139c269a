"""Defect: streams that lose their owner while there is no room for them are forgotten instead of queued. Breaks R1.2."""

from reference_streams.orchestrator import placing

queue = placing.queue


def forget(state, homeless):
    queue(state, [s for s in homeless if state.streams[s].owner is None])
    for stream_id in [s for s in homeless if state.streams[s].owner is not None]:
        state.unlist(stream_id)


placing.queue = forget
