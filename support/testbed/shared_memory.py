"""System V shared memory outlives the processes that made it (PostgreSQL guards its data directory with some): removed with them."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

_SEGMENTS = Path("/proc/sysvipc/shm")
_RECORD = "makers"  # in a node's folder: a line "pid, begin" for each process that may have made some
_IPC_RMID = 0
_LIBC = ctypes.CDLL(None)


def note_maker(folder: Path, process: psutil.Process) -> None:
    """Write down in a node's folder whose segments are to go with it, for whoever removes it."""
    with suppress(psutil.NoSuchProcess), (folder / _RECORD).open("a", encoding="ascii") as record:
        record.write(f"{process.pid} {int(process.create_time()) - 1}\n")  # it is known to a hundredth of a second, and may err


def remove(folder: Path) -> None:
    """Remove what the dead node of this folder made. Does nothing the second time."""
    try:
        lines = (folder / _RECORD).read_text(encoding="ascii").splitlines()
    except OSError:  # no node's, another user's, or gone
        return
    makers = [tuple(map(int, line.split())) for line in lines]
    for segment, maker, made in segments():
        if any(maker == pid and made >= begin for pid, begin in makers):  # pids are used again
            _LIBC.shmctl(segment, _IPC_RMID, None)  # one that somebody looks at in /proc, and so keeps attached, goes right after


def segments() -> Iterator[tuple[int, int, int]]:
    """This machine's: id, pid of the maker, when it was made (s since 1970)."""
    if not os.access(_SEGMENTS, os.R_OK):
        return
    names, *rows = (line.split() for line in _SEGMENTS.read_text(encoding="ascii").splitlines())
    for row in rows:
        of = dict(zip(names, map(int, row), strict=True))
        yield of["shmid"], of["cpid"], of["ctime"]
