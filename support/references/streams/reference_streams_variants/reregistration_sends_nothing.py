"""Defect: an active instance that registers again is not sent its assignment. Breaks R1.2."""

from reference_streams.orchestrator import placing
from reference_streams.orchestrator.fleet import Fleet, admit
from reference_streams.orchestrator.store import Occasion


async def register(self, registration):
    name = registration.instance_id
    async with self.decide(Occasion("registration")) as state:
        newcomer = name not in state.capacities
        admit(state, registration)
        placing.settle(state, fully=newcomer)
        if newcomer:
            state.send_again(name)
    self.membership.registered(name, self._clock.now())
    return state.instances[name], state.owned()[name]


Fleet.register = register
