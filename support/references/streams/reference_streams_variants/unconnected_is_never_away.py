"""Defect: an instance that never held a connection to this orchestrator is not disconnected, however long it is away. Breaks R1.2."""

from reference_streams.orchestrator.membership import Membership

follow, registered = Membership.follow, Membership.registered


def follow_without_absence(self, state, now):
    before = set(self.members)
    follow(self, state, now)
    for name in self.members.keys() - before:
        self.members[name].away_since = None


def registered_without_absence(self, name, now):
    if member := self.members.get(name):
        member.heard = now


def grant_without_absence(self, now):
    for member in self.members.values():
        member.heard = now
        if member.connection is None:
            member.away_since = None


Membership.follow, Membership.registered, Membership.grant_anew = follow_without_absence, registered_without_absence, grant_without_absence
