"""Defect: what an instance gets after its return is told to it at once, and to the old owner a second later. Breaks R1.2."""

import asyncio

from reference_streams.orchestrator import fleet
from reference_streams.orchestrator.courier import Courier
from reference_streams.orchestrator.state import Stream

deliver, admit = Courier.deliver, fleet.admit
returned = set()


def admit_and_remember(state, registration):
    known = state.instances.get(registration.instance_id)
    if known and not known.active:
        returned.add(registration.instance_id)
    admit(state, registration)


def deliver_late(self, assignment):
    if not returned or self._newest is None or self._newest.ids <= assignment.ids:
        deliver(self, assignment)
    else:
        asyncio.get_running_loop().call_later(1, deliver_unless_overtaken, self, assignment)


def deliver_unless_overtaken(courier, assignment):
    if assignment.version > courier._newest.version:
        deliver(courier, assignment)


def reader(stream):
    return stream.owner if stream.held_by in (None, stream.owner) or stream.owner in returned else None


Stream.reader = property(reader)
Courier.deliver, fleet.admit = deliver_late, admit_and_remember
