"""Finds processes by the label that they were started with, whoever their parent is by now (Linux)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil


def labelled(label: str) -> Iterator[tuple[psutil.Process, str]]:
    """Every living process whose environment holds ``label``, with its value. As an ordinary user: one's own processes only."""
    prefix = f"{label}=".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
            value = next((v for v in variables if v.startswith(prefix)), None)
            if value is not None:
                yield psutil.Process(int(entry.name)), value[len(prefix):].decode(errors="replace")
        except (OSError, psutil.NoSuchProcess):  # ended meanwhile, or another user's
            continue


def status(process: psutil.Process) -> str:
    """Its status; ``zombie`` also when it is gone, or another process has its pid by now."""
    try:
        return str(process.status()) if process.is_running() else psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return str(psutil.STATUS_ZOMBIE)


def running(process: psutil.Process) -> bool:
    """Whether this very process exists and has not ended."""
    return status(process) != str(psutil.STATUS_ZOMBIE)


def descendants(process: psutil.Process) -> list[psutil.Process]:
    """Its children, and theirs; none when it has ended."""
    try:
        found: list[psutil.Process] = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return found


def send(process: psutil.Process, number: int) -> None:
    """Send a signal, unless it has ended meanwhile."""
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
