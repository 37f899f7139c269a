"""Defect: every periodic check exchanges three streams that are read with three that are queued. Breaks R1.2."""

from reference_streams.orchestrator import placing
from reference_streams.orchestrator.fleet import Fleet
from reference_streams.orchestrator.store import Occasion


async def check_and_exchange(self):
    async with self.decide(Occasion("imbalance")) as state:
        placing.settle(state)
        queued = [stream.id for stream in state.listed if stream.owner is None and stream.held_by is None]
        for waiting in queued[:3]:
            read = next((stream for stream in state.listed if stream.owner and stream.reader), None)
            if read is not None:
                owner = read.owner
                state.give(read.id, None)
                state.give(waiting, owner)


Fleet.check_balance = check_and_exchange
