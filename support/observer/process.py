"""A process of the suite beside behave (an observer, a relay): started, commanded, ended."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.observer.rpc import Client

_START_SECONDS = 15.0
_STOP_SECONDS = 5.0


class ObserverDied(Exception):
    """The process is gone or does not answer: what it should have seen is missing, nothing can be judged with it."""


class ObserverProcess:
    """One ``python -m support.observer``. It ends with the process that started it, however that ends.

    ``urls`` maps each listen address to the base URL of its HTTP server, once it is ready; ``log`` is the file with its stderr.
    """

    def __init__(self, process: subprocess.Popen[bytes], socket: Path, log: Path) -> None:
        self.log = log
        self.urls: dict[str, str] = {}
        self._process = process
        self._socket = socket
        self._client = Client(socket)

    @classmethod
    def start(cls, directory: Path, listen: Sequence[str], plugins: Sequence[str] = (), name: str = "observer") -> ObserverProcess:
        """``launch`` it and return when it answers. Raises ObserverDied."""
        observer = cls.launch(directory, listen, plugins, name)
        observer.await_ready()
        return observer

    @classmethod
    def launch(cls, directory: Path, listen: Sequence[str], plugins: Sequence[str] = (), name: str = "observer") -> ObserverProcess:
        """Start it; ``await_ready`` before anything else.

        ``listen`` are addresses ``host`` or ``host:port`` (none: no HTTP server); ``plugins`` are modules with ``plug`` (see server.py).
        ``directory`` gets ``<name>.sock`` and ``<name>.log``. Start it from a thread that lives as long as the process is needed:
        the kernel ends the child when the *thread* that made it ends.
        """
        directory.mkdir(parents=True, exist_ok=True)
        socket, log = directory / f"{name}.sock", directory / f"{name}.log"
        command = [sys.executable, "-m", "support.observer", "--parent", str(os.getpid()), "--socket", str(socket), "--listen", ",".join(listen)]
        for plugin in plugins:
            command += ["--plugin", plugin]
        with log.open("ab") as errors:
            # A session of its own: Ctrl-C at the terminal is for behave, which ends its observers itself, last.
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True)
        return cls(process, socket, log)

    def await_ready(self) -> None:
        """Return when it answers. Raises ObserverDied; then it is closed."""
        try:
            self.urls = self._ready()
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def call(self, op: str, **args: Any) -> Any:
        """The operation's result. Raises OperationFailed (it said no) or ObserverDied."""
        try:
            return self._client.call(op, **args)
        except (OSError, EOFError) as error:
            raise ObserverDied(self._obituary(f"{op}: {error}")) from error

    def close(self) -> None:
        """End it. Can be called twice."""
        self._process.terminate()  # does nothing to one that was waited for
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._socket.unlink(missing_ok=True)

    def __enter__(self) -> ObserverProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ready(self) -> dict[str, str]:
        """What it says on stdout once it listens everywhere."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + _START_SECONDS
        readable, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        line = self._process.stdout.readline() if readable else b""
        if not line:
            raise ObserverDied(self._obituary("it did not become ready"))
        urls: dict[str, str] = json.loads(line)["urls"]
        return urls

    def _obituary(self, what: str) -> str:
        try:
            state = f"ended with exit code {self._process.wait(1.0)}"
        except subprocess.TimeoutExpired:
            state = "is there but does not answer"
        tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
        return f"{what}; process {self.pid} {state}; {self.log}: " + (" | ".join(tail) or "(empty)")
