"""What observes a streams system: plugged into an observer process as ``support.systems.streams.observers``."""

from support.systems.streams.observers.plugin import plug

__all__ = ["plug"]
