"""Harmless: the streams of a lost instance are queued first and then placed one by one, a transaction each."""

from reference_streams.orchestrator import fleet, placing
from reference_streams.orchestrator.fleet import Fleet

homeless_streams = placing.homeless_streams


async def lose(self, trigger, gone):
    if not gone():
        return
    occasion = fleet.Occasion(trigger)
    async with self.decide(occasion) as state:
        for instance_id in gone():
            fleet.deactivate(state, instance_id)
        orphans = sorted(homeless_streams(state))
        placing.queue(state, orphans)
    for last in range(1, len(orphans) + 1):
        async with self.decide(occasion) as state:
            placing.homeless_streams = lambda s, later=frozenset(orphans[last:]): homeless_streams(s) - later
            placing.settle(state)
            placing.homeless_streams = homeless_streams


Fleet.lose = lose
