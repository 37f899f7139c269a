"""Defect: after a loss, one full worker is told one stream more than it has room for, for 3 s; the database never says so. Breaks R1.2."""

import asyncio

from reference_streams.orchestrator.courier import Assignment
from reference_streams.orchestrator.membership import Membership

follow = Membership.follow
told = []


def follow_and_tell(self, state, now):
    follow(self, state, now)
    queued = [stream for stream in state.listed if stream.owner is None and stream.held_by is None]
    if told or not queued or all(instance.active for instance in state.instances.values()):
        return
    owned = state.owned()
    for name in sorted(name for name in self.members if owned[name] == state.capacities[name])[:1]:
        told.append(name)
        member, real = self.members[name], tuple((stream.id, stream.address) for stream in state.assignment(name))
        member.courier.deliver(Assignment(member.version, (*real, (queued[0].id, queued[0].address))))
        asyncio.get_running_loop().call_later(3, tell_again, member, Assignment(member.version, real))


def tell_again(member, assignment):
    if member.version == assignment.version:
        member.courier.deliver(assignment)


Membership.follow = follow_and_tell
