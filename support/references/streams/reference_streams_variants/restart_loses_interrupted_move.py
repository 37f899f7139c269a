"""Defect: streams that were on their way when the orchestrator ended are queued after its restart, and never placed. Breaks R1.5."""

from reference_streams.orchestrator import placing
from reference_streams.orchestrator.fleet import Fleet
from reference_streams.orchestrator.store import Occasion

homeless_streams, recover = placing.homeless_streams, Fleet.recover
lost = set()


async def recover_without_moves(self):
    async with self.decide(Occasion("recovery")) as state:
        lost.update(s.id for s in state.listed if s.held_by)
        placing.queue(state, sorted(lost))
    await recover(self)


placing.homeless_streams = lambda state: homeless_streams(state) - lost
Fleet.recover = recover_without_moves
