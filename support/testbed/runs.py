"""Which runs live on this machine, and the folder of each.

A living run holds two things that the kernel takes back with its last process, however that ends: the lock of its folder
(seen by whoever shares the file system) and an abstract Unix socket (seen by whoever shares the network namespace, whatever
their TMPDIR). So there are no pid files to mistrust, and a killed run is told from a living one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

PREFIX = "holdfast-run-"
RUN_LABEL = "HOLDFAST_RUN"    # environment variable of every process that a run starts: its run id
NODE_LABEL = "HOLDFAST_NODE"  # the same, one value per node

_MEMORY = Path("/dev/shm")
_ROOM = 2 * 1024**3  # bytes; many times what a run of the streams system has at once

_held: dict[str, tuple[socket.socket, int]] = {}  # run id → name, lock; in the process that registered it and in its forks


def base() -> Path:
    """The folder that holds the runs' folders: TMPDIR if that is set, unless other users (an unprivileged PostgreSQL) cannot get there."""
    wanted = Path(tempfile.gettempdir()).resolve() if "TMPDIR" in os.environ else _in_memory() or Path(tempfile.gettempdir()).resolve()
    reachable = all(folder.stat().st_mode & 0o001 for folder in [wanted, *wanted.parents])
    return wanted if reachable or os.geteuid() != 0 else Path("/tmp")


@cache  # it shall not be another one when a run has begun to fill it
def _in_memory() -> Path | None:
    """The file system in memory, where a database is created ten times as fast as on a disk; None where it is missing, small or noexec."""
    if not (_MEMORY.is_dir() and os.access(_MEMORY, os.W_OK)):
        return None
    there = os.statvfs(_MEMORY)
    return _MEMORY if there.f_bavail * there.f_frsize >= _ROOM and not there.f_flag & os.ST_NOEXEC else None


def folder(run_id: str) -> Path:
    return base() / f"{PREFIX}{run_id}"


def register_run(run_id: str) -> Path:
    """Announce a run that begins; returns its folder. Repeating it changes nothing. OSError: another process has this run id."""
    target = folder(run_id)
    if run_id in _held:
        return target
    name = _name(run_id)
    draft = Path(tempfile.mkdtemp(prefix=f".{PREFIX}", dir=base()))
    draft.chmod(0o711)
    lock = os.open(draft / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    draft.rename(target)  # so the folder never exists without its lock held
    _held[run_id] = (name, lock)
    return target


def end_run(run_id: str) -> None:
    """Delete the folder of a run of ours that is over and end its registration. Can be called twice."""
    if run_id not in _held:
        return
    name, lock = _held.pop(run_id)
    shutil.rmtree(folder(run_id), ignore_errors=True)
    os.close(lock)
    name.close()


def lives(run_id: str) -> bool:
    """Whether a run of this machine is going on."""
    if run_id in _held:
        return True
    try:
        _name(run_id).close()
    except OSError:
        return True
    with claim_dead(folder(run_id)) as dead:
        return not dead and folder(run_id).exists()


@contextmanager
def claim_dead(target: Path) -> Iterator[bool]:
    """Whether the run of this folder is over. While inside and true, no other sweep claims the same folder."""
    try:
        lock = os.open(target / "lock", os.O_RDWR)
    except PermissionError:  # another user's
        yield False
        return
    except FileNotFoundError:  # a run makes its folder with the lock held: this one is half deleted
        yield target.is_dir()
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(lock)


def _name(run_id: str) -> socket.socket:
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0{PREFIX}run-{run_id}")
    except OSError:
        name.close()
        raise
    return name
