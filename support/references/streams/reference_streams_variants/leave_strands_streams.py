"""Defect: the streams of an instance that leaves are queued and never looked at again. Breaks R1.2."""

from reference_streams.orchestrator import fleet, placing
from reference_streams.orchestrator.fleet import Fleet

homeless_streams, deactivate = placing.homeless_streams, fleet.deactivate
stranded = set()


async def leave(self, instance_id):
    async with self.decide(fleet.Occasion("leave")) as state:
        if instance_id not in state.capacities:
            raise fleet.NotActive(instance_id)
        mine = [s.id for s in state.listed if s.owner == instance_id]
        deactivate(state, instance_id)
        placing.queue(state, mine)
        stranded.update(mine)


placing.homeless_streams = lambda state: homeless_streams(state) - stranded
Fleet.leave = leave
