"""Defect: whoever is not connected when the orchestrator starts again is disconnected at once. Breaks R1.5."""

from reference_streams.orchestrator.membership import Membership

grant_anew = Membership.grant_anew


def grant_nothing(self, now):
    grant_anew(self, now)
    for member in self.members.values():
        if member.away_since is not None:
            member.away_since = float("-inf")


Membership.grant_anew = grant_nothing
