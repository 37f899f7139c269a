"""Faults: really injected, witnessed and healed."""
