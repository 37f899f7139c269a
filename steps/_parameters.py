"""The typed parameters of all sentences. Loaded before every other step module (the underscore sorts first)."""

import parse
from behave import register_type

from support.faults.kinds import FAULTS, fault_named


@parse.with_pattern(r'(?:the [a-z]+|[a-z]+ "[^"]+"(?:(?:, | and )"[^"]+")*)')
def role(words: str) -> str:
    """Who something is done to or expected of: ``worker "B"``, ``workers "B" and "C"``, ``the orchestrator``."""
    return words


@parse.with_pattern(r"\d+(?:\.\d+)? seconds?")
def seconds(words: str) -> float:
    return float(words.split()[0])


@parse.with_pattern(r"\d+")
def count(words: str) -> int:
    return int(words)


@parse.with_pattern("|".join(sorted(FAULTS, key=len, reverse=True)))
def fault(words: str) -> object:
    return fault_named(words)


register_type(Role=role, Seconds=seconds, Count=count, Fault=fault)
