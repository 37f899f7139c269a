"""``reports/``: the newest run's pages where everybody looks for them, and the runs that are kept."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAGES = ("index.html", "criteria.html", "timing.json")
KEPT_RUNS = 20


def publish(run_directory: Path, reports: Path) -> list[Path]:
    """Copy a run's pages into ``reports``, each replaced in one step, all of one run; then drop the oldest runs. Answers the copies."""
    with _one_at_a_time(reports):
        copies = [_replace(run_directory / name, reports / name) for name in PAGES if (run_directory / name).exists()]
        _drop_oldest(run_directory)
    return copies


@contextmanager
def _one_at_a_time(reports: Path) -> Iterator[None]:
    """Two runs that end at once publish one after the other."""
    with (reports / ".publishing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _replace(source: Path, target: Path) -> Path:
    staged = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copyfile(source, staged)
    return staged.replace(target)


def _drop_oldest(run_directory: Path) -> None:
    runs = sorted((d for d in run_directory.parent.iterdir() if (d / "run.json").exists()), key=lambda d: d.stat().st_mtime, reverse=True)
    for old in runs[KEPT_RUNS:]:
        if old != run_directory:
            shutil.rmtree(old, ignore_errors=True)  # another run may be dropping it, too
