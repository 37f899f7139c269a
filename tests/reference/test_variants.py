"""The variants: each says what it is, replaces something that exists, and runs loudly; an unknown name is refused."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .programs import HOME, Programs, environment, run
from .surroundings import Surroundings

VARIANTS = sorted(p for p in (HOME / "reference_streams_variants").glob("*.py") if p.stem != "__init__")


@pytest.mark.parametrize("path", VARIANTS, ids=lambda p: p.stem)
def test_a_variant_says_what_it_is_in_one_sentence_and_stays_small(path: Path) -> None:
    text = path.read_text()
    said = ast.get_docstring(ast.parse(text)) or ""
    assert said.startswith("Harmless: ") or (said.startswith("Defect: ") and "Breaks " in said)
    assert len(text.splitlines()) <= 50


def test_every_variant_replaces_something_that_the_reference_has() -> None:
    """What is replaced must have existed before: a renamed function would leave a variant without effect."""
    check = """
import importlib, sys
import reference_streams.orchestrator.__main__, reference_streams.worker.__main__
def names(): return {(m, n, k) for m, v in list(sys.modules.items()) if m.startswith("reference_streams.") for n, o in vars(v).items()
                     for k in (["-", *getattr(o, "__dict__", {})] if str(getattr(o, "__module__", "")).startswith("reference_streams.") else ["-"])
                     if isinstance(o, type) or k == "-" if not n.startswith("__")}
before = names()
for name in sys.argv[1:]:
    importlib.import_module("reference_streams_variants." + name)
assert names() == before, names() ^ before
"""
    done = subprocess.run([sys.executable, "-c", check, *(p.stem for p in VARIANTS)], env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("program", ["orchestrator", "worker"])
def test_an_unknown_variant_is_refused_in_one_line(program: str) -> None:
    done = run(program, STREAMS_VARIANT="never-heard-of", STREAMS_LISTEN="127.0.0.1:1", STREAMS_DATABASE_URL="postgresql://x",
               STREAMS_CATALOGUE_URL="http://x", STREAMS_ORCHESTRATOR_URL="http://x", STREAMS_INSTANCE_ID="A", STREAMS_CAPACITY="1")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "never-heard-of" in done.stderr
    assert "never-rebalances" in done.stderr


def test_a_variant_says_loudly_that_it_runs_changed(programs: Callable[..., Programs], around: Surroundings) -> None:
    around.set_catalogue("s1")
    system = programs(STREAMS_VARIANT="another-tie-break")
    assert "RUNS CHANGED ON PURPOSE" in system.log("orchestrator")
