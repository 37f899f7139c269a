"""Defect: what an instance gets after its return is told to it at once, and to the old owner a second later. Breaks R1.2."""

from reference_streams.orchestrator import fleet
from reference_streams.orchestrator.courier import Courier
from reference_streams.orchestrator.state import Stream

from reference_streams_variants import tells_new_owner_before_old_stopped as early

admit = fleet.admit
returned = set()


def admit_and_remember(state, registration):
    known = state.instances.get(registration.instance_id)
    if known and not known.active:
        returned.add(registration.instance_id)
    admit(state, registration)


def deliver(courier, assignment):
    (early.deliver_losses_late if returned else early.deliver)(courier, assignment)


def reader(stream):
    return stream.owner if stream.held_by in (None, stream.owner) or stream.owner in returned else None


Stream.reader = property(reader)
Courier.deliver, fleet.admit = deliver, admit_and_remember
