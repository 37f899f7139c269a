"""Defect: who is away for half of the grace is disconnected. Breaks R1.2."""

from reference_streams.orchestrator.membership import Membership

away_for = Membership.away_for


def away_for_half(self, grace):
    return away_for(self, grace / 2)


Membership.away_for = away_for_half
