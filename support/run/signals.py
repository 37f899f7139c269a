"""Being told to stop: an exception where work is done, and patience where things are being put away."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1


class Interrupted(KeyboardInterrupt):
    """A signal asked this process to stop. behave treats it like Ctrl-C: the step ends, hooks and clean-ups still run."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number

    @property
    def exit_code(self) -> int:
        return 128 + self.number


class Interrupts:
    """Turns the first stopping signal into ``Interrupted``; later ones change nothing, because tear-down is bounded anyway."""

    def __init__(self) -> None:
        self.received = 0  # the signal's number; 0: none
        self._deferring = False

    def install(self, *signals: signal.Signals) -> None:
        for number in STOPPING:
            signal.signal(number, self._handle if number in signals else signal.SIG_IGN)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if not self.received:
            self.received = number
            if not self._deferring:
                raise Interrupted(number)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Nothing is interrupted in here; ``received`` tells afterwards."""
        before, self._deferring = self._deferring, True
        try:
            yield
        finally:
            self._deferring = before


def leave_terminal() -> None:
    """A process group of its own: Ctrl-C at the terminal reaches the supervisor alone, which then orders the tear-down."""
    os.setpgid(0, 0)


def end_with(parent: int) -> None:
    """Be sent SIGTERM when the parent process is gone, however it ended (Linux; elsewhere the broken pipe tells)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it was quicker
            raise Interrupted(signal.SIGTERM)
