"""What the systems bring along: their checks and their pictures, found by the name of the module."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil

import support.systems


def import_of_every_system(part: str) -> None:
    """Import ``support.systems.<system>.<part>`` wherever it exists; importing registers what it defines."""
    for system in pkgutil.iter_modules(support.systems.__path__, "support.systems."):
        name = f"{system.name}.{part}"
        if importlib.util.find_spec(name):
            importlib.import_module(name)
