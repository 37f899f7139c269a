"""Defect: an instance that registers again within a second of its registration becomes two instances. Breaks R1.5."""

import asyncio
from dataclasses import replace

from reference_streams.orchestrator.fleet import Fleet

register = Fleet.register
just_registered = set()


async def register_again_as_another(self, registration):
    instance_id = registration.instance_id
    if instance_id in just_registered:
        return await register(self, replace(registration, instance_id=f"{instance_id[:60]}-2"))
    just_registered.add(instance_id)
    asyncio.get_running_loop().call_later(1, just_registered.discard, instance_id)
    return await register(self, registration)


Fleet.register = register_again_as_another
