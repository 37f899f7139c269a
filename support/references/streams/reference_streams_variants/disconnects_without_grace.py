"""Defect: a connection that ends is a disconnect at once, even if it is established again within the grace. Breaks R1.2."""

from reference_streams.orchestrator.membership import Membership

away_for, disconnected, registered = Membership.away_for, Membership.disconnected, Membership.registered
dropped = set()


def drop(self, instance_id, connection):
    if instance_id in self.members and self.members[instance_id].connection is connection:
        dropped.add(instance_id)
    disconnected(self, instance_id, connection)


def forgive(self, instance_id, now):
    dropped.discard(instance_id)
    registered(self, instance_id, now)


Membership.disconnected, Membership.registered = drop, forgive
Membership.away_for = lambda self, grace: sorted({*away_for(self, grace), *(dropped & self.members.keys())})
