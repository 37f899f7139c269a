"""Variants of the reference: a defect must turn a scenario red, a harmless one must not. Each replaces one piece when it is imported."""
