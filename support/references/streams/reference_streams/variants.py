"""Variants: modules that replace one piece of this program on purpose, so that whoever judges it can be judged."""

from __future__ import annotations

import importlib
import os
import pkgutil

from .environment import fail
from .logs import log

PACKAGE = "reference_streams_variants"


def load() -> None:
    """Import the variant that ``STREAMS_VARIANT`` names, which replaces its piece; an unknown name ends the program (code 2)."""
    name = os.environ.get("STREAMS_VARIANT")
    if not name:
        return
    known = [module.name.replace("_", "-") for module in pkgutil.iter_modules(importlib.import_module(PACKAGE).__path__)]
    if name not in known:
        fail(f"STREAMS_VARIANT={name}: no such variant; there are {', '.join(known)}")
    module = importlib.import_module(f"{PACKAGE}.{name.replace('-', '_')}")
    log.warning("THIS PROGRAM RUNS CHANGED ON PURPOSE", variant=name, change=(module.__doc__ or "").strip())
