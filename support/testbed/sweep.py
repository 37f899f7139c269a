"""Removes what runs left behind that were killed before they could do so themselves. Living runs are never touched."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from pathlib import Path

from support.deadline import until
from support.testbed import containers, shared_memory
from support.testbed.procfs import descendants, labelled, running, send
from support.testbed.runs import PREFIX, RUN_LABEL, base, claim_dead, lives

_PATIENCE = 10.0  # seconds that the kernel gets to end what was killed


def sweep() -> list[str]:
    """End the processes and delete the folders of this user's dead runs, and the containers of any. Returns the ids of those runs."""
    return sorted({*containers.sweep(), *_sweep_processes(), *_sweep_folders()})


def _sweep_processes() -> set[str]:
    found = [(process, run_id) for process, run_id in labelled(RUN_LABEL) if running(process)]
    dead = {run_id for run_id in {run_id for _, run_id in found} if not lives(run_id)}
    ours = [process for process, run_id in found if run_id in dead and process.pid != os.getpid()]
    for process in ours:
        for member in [*descendants(process), process]:
            send(member, signal.SIGKILL)
    until(lambda: not any(running(process) for process in ours), within=_PATIENCE, every=0.005)
    return dead


def _sweep_folders() -> set[str]:
    dead = set()
    for place in {base(), Path(tempfile.gettempdir()), Path("/tmp"), Path("/dev/shm")}:
        for folder in place.glob(f"{PREFIX}*/"):
            with claim_dead(folder) as is_dead:
                if is_dead:
                    for node in folder.iterdir():
                        shared_memory.remove(node)
                    shutil.rmtree(folder, ignore_errors=True)  # what still resists is left to the next sweep
                    dead.add(folder.name.removeprefix(PREFIX))
    return dead
