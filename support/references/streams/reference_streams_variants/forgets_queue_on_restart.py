"""Defect: streams that were queued when the orchestrator started again are never placed. Breaks R1.5."""

from reference_streams.orchestrator import placing
from reference_streams.orchestrator.fleet import Fleet
from reference_streams.orchestrator.store import Occasion

homeless_streams, recover = placing.homeless_streams, Fleet.recover
forgotten = set()


async def recover_without_queue(self):
    async with self.decide(Occasion("recovery")) as state:
        forgotten.update(s.id for s in state.listed if s.owner is None)
    await recover(self)


placing.homeless_streams = lambda state: homeless_streams(state) - forgotten
Fleet.recover = recover_without_queue
