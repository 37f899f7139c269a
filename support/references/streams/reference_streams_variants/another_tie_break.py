"""Harmless: among instances with an equal claim the last in the alphabet comes first."""

from reference_streams.orchestrator import balance

balance.tie_break = lambda instance_id: tuple(-ord(letter) for letter in instance_id)
