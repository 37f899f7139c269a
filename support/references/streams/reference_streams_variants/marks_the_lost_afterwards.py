"""Harmless: the streams of a lost instance are given to others first, and it is marked inactive a moment later."""

import asyncio
from dataclasses import replace

from reference_streams.orchestrator import placing
from reference_streams.orchestrator.fleet import Fleet, deactivate
from reference_streams.orchestrator.store import Occasion


async def lose_in_two_steps(self, trigger, gone):
    if not gone():
        return
    occasion = Occasion(trigger)
    async with self.decide(occasion) as state:
        names = gone()
        for name in names:
            deactivate(state, name)
        placing.settle(state)
        for name in names:
            state.instances[name] = replace(state.instances[name], active=True)
    await asyncio.sleep(0.15)
    async with self.decide(occasion) as state:
        for name in names:
            deactivate(state, name)
        placing.settle(state)


Fleet.lose = lose_in_two_steps
