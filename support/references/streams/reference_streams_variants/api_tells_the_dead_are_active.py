"""Defect: the API says that every instance it ever knew is active. Breaks R1.2."""

from reference_streams.orchestrator.store import Store

contract_state = Store.contract_state


async def all_active(self):
    state = await contract_state(self)
    return {**state, "instances": [{**instance, "status": "active"} for instance in state["instances"]]}


Store.contract_state = all_active
