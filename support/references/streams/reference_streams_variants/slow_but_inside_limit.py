"""Harmless: a lost instance's streams are given to others 8 seconds after the grace."""

from reference_streams.orchestrator.membership import Membership

away_for = Membership.away_for
Membership.away_for = lambda self, grace: away_for(self, grace + 8)
