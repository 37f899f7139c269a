"""Proof of teeth: every criterion is run against defects that must turn it red, and harmless variants that must not."""
