"""Where the folders of runs are."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.testbed import runs


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stands for the file system in memory; everybody may look into it."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o755)
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(runs, "_MEMORY", folder)
    monkeypatch.setattr(runs, "_ROOM", 1)
    runs._in_memory.cache_clear()
    yield folder
    runs._in_memory.cache_clear()
    shutil.rmtree(folder)


def test_in_memory_if_nothing_else_is_said(memory: Path) -> None:
    assert runs.base() == memory


def test_where_tmpdir_says(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(memory))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(runs, "_MEMORY", Path("/no/such"))
    assert runs.base() == memory


def test_on_the_disk_where_memory_is_small(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "_ROOM", 2**62)
    assert runs.base() == Path(tempfile.gettempdir()).resolve()


def test_on_the_disk_where_programs_could_not_be_run_in_memory(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = os.statvfs(memory)
    noexec = os.statvfs_result((*tuple(there)[:8], there.f_flag | os.ST_NOEXEC, *tuple(there)[9:]))
    monkeypatch.setattr(os, "statvfs", lambda path: noexec)
    assert runs.base() == Path(tempfile.gettempdir()).resolve()
