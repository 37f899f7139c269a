"""The testbed without Docker: every node is a child process with a session, a folder and ports of its own."""

from __future__ import annotations

import ctypes
import os
import pwd
import random
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import psutil

from support.observer.process import ObserverProcess
from support.outcomes import BadInput
from support.testbed import shared_memory
from support.testbed.belongings import Belongings
from support.testbed.interface import HOST, OUTSIDE, Address, Completed, Link, Node, NodeSpec, Testbed
from support.testbed.links import RelayLink
from support.testbed.ports import ReservedPort, reserve
from support.testbed.procfs import descendants, labelled, running, send, status
from support.testbed.runs import NODE_LABEL, RUN_LABEL, end_run, register_run
from support.testbed.template import Template

LOOPBACK = "127.0.0.1"
_PATIENCE = 10.0  # seconds that the kernel gets to end or stop a process that was signalled
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class Processes(Testbed):
    """Nodes as child processes of whoever starts them. Made in the supervisor, it may be used in its forks, too: each
    process starts, and with ``close`` removes, nodes of its own."""

    name = "processes"
    capabilities = frozenset({"start", "kill", "stop", "restart", "freeze", "signal", "run", "link"})

    def __init__(self, run_id: str, relay: Callable[[], ObserverProcess], reason: str = "as asked", listen: str = LOOPBACK) -> None:
        self.run_id = run_id
        self.reason = reason
        self._relay = relay
        self._listen = listen
        self._folder = register_run(run_id)
        self._maker = os.getpid()
        self._belongings = Belongings()

    def node(self, spec: NodeSpec) -> Node:
        return self._belongings.add(ProcessNode(spec, self.run_id, self._folder, self._listen))

    def link(self, viewer: str | Node, node: Node | Address, port: str, beside: Link | None = None) -> Link:
        return self._belongings.add(RelayLink(self._relay(), viewer, node, port, self.listen_addresses(), self.host_address, beside))

    def host_address(self, seen_from: str | Node = HOST) -> str:
        return self.outside or LOOPBACK if seen_from == OUTSIDE else LOOPBACK

    def listen_addresses(self) -> list[str]:
        return list(dict.fromkeys([LOOPBACK, self.outside or LOOPBACK]))

    def close(self) -> None:
        """Remove the nodes and links that this process made; in the process that made the testbed, also the run's folder."""
        self._belongings.remove()
        if os.getpid() == self._maker:
            end_run(self.run_id)


class ProcessNode(Node):
    """One node: a main process and whatever it starts. Exit codes are those of a shell: 128 + n for an end by signal n."""

    def __init__(self, spec: NodeSpec, run_id: str, folder: Path, listen: str) -> None:
        self.spec = spec
        self._run_id = run_id
        self._listen = listen
        self._folder = Path(tempfile.mkdtemp(prefix=f"{spec.name}-", dir=folder))
        self._account = pwd.getpwnam("nobody") if spec.user == "unprivileged" and os.geteuid() == 0 else None
        self._data = self._folder / "data"
        self._log = self._folder / "log"
        self._ports: dict[str, ReservedPort] = {name: reserve() for name in spec.ports}
        self.source = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.{random.randint(1, 254)}"  # all of 127/8 is this machine
        self._template = Template({name: port.number for name, port in self._ports.items()}, listen, str(self._data), self.source)
        self._label = self._folder.name
        self._process: subprocess.Popen[bytes] | None = None
        self._main: psutil.Process | None = None
        self._owner = os.getpid()
        self._removed = False
        self._folder.chmod(0o711)
        self._make(self._data)
        self._make(self._data / "tmp")
        for path, content in spec.files.items():
            self.put(path, self._template.fill(content))

    def address(self, port: str, seen_from: str | Node = HOST) -> Address:
        return Address(self._listen, self._ports[port].number)

    def alive(self) -> bool:
        return self._main is not None and running(self._main)

    def exit_code(self) -> int | None:
        """None while it runs, and in processes that did not start it."""
        if self._process is None or os.getpid() != self._owner:
            return None
        code = self._process.poll()
        return 128 - code if code is not None and code < 0 else code

    def start(self) -> None:
        """See ``Node.start``. BadInput: its program is missing. Started from the main thread, it dies with this process;
        from another thread only with the next sweep, because the kernel takes the end of a thread for that of the parent."""
        if self.alive():
            raise RuntimeError(f"{self.name} is running")
        with self._log.open("ab") as log:
            self._process = self._spawn(self._template.all(self.spec.command), stdin=subprocess.DEVNULL, stdout=log)
        self._owner = os.getpid()
        self._main = psutil.Process(self._process.pid)
        shared_memory.note_maker(self._folder, self._main)

    def stop(self, grace: float = _PATIENCE) -> int | None:
        if self._main is not None and self.alive():
            self.signal(signal.SIGTERM)
            deadline = time.monotonic() + grace
            while self.alive() and time.monotonic() < deadline:
                time.sleep(0.005)
        self.kill()
        return self.exit_code()

    def kill(self) -> None:
        """See ``Node.kill``. Returns when nothing of it is left."""
        self._signal_all(signal.SIGKILL, until=lambda _: False)
        self.exit_code()  # reaps it

    def signal(self, number: int) -> None:
        """Send a signal to its main process. ProcessLookupError: there is none."""
        if self._main is None or not self.alive():
            raise ProcessLookupError(f"{self.name} does not run")
        send(self._main, number)

    def freeze(self) -> None:
        """See ``Node.freeze``. Returns when every process of it stands still."""
        self._signal_all(signal.SIGSTOP, until=lambda process: status(process) == psutil.STATUS_STOPPED)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT, until=lambda process: status(process) != psutil.STATUS_STOPPED)

    def run(self, command: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Completed:
        """See ``Node.run``; placeholders are filled. TimeoutError: it took longer and was killed."""
        process = self._spawn(self._template.all(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            out, err = process.communicate(stdin.encode(), timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise TimeoutError(f"{command[0]} in {self.name} took longer than {timeout} s") from None
        code = process.returncode
        return Completed(128 - code if code < 0 else code, self._scrub(out), self._scrub(err))

    def put(self, path: str, content: str) -> None:
        target = self._data / path
        for missing in reversed([p for p in target.parents if not p.exists()]):
            self._make(missing)
        target.touch(0o600)
        target.write_text(content, encoding="utf-8")
        self._give(target)

    def log(self) -> str:
        return self._scrub(self._log.read_bytes()) if self._log.exists() else ""

    def remove(self) -> None:
        if self._removed:
            return
        for process in self._members() if self.alive() else []:  # one may be in the middle of an initdb
            shared_memory.note_maker(self._folder, process)
        self.kill()
        shared_memory.remove(self._folder)
        shutil.rmtree(self._folder, ignore_errors=True)
        for port in self._ports.values():
            port.release()
        self._removed = True

    def _spawn(
        self, command: list[str], *, stdin: int, stdout: int | IO[bytes], stderr: int = subprocess.STDOUT
    ) -> subprocess.Popen[bytes]:
        account = self._account
        try:
            return subprocess.Popen(
                command,
                cwd=self._data,
                env=self._environment(),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
                preexec_fn=_preparation(self.spec.memory_mb),
            )
        except (FileNotFoundError, PermissionError) as error:
            raise BadInput(f"{self.name}: cannot start {command[0]}: {error.strerror}") from None

    def _environment(self) -> dict[str, str]:
        """Nothing of ours gets in but PATH: a system must not depend on the shell that started the suite."""
        path = os.environ.get("PATH", os.defpath)
        if self.spec.binaries:
            path = f"{self.spec.binaries()}{os.pathsep}{path}"
        own = {"PATH": path, "LANG": "C.UTF-8", "HOME": str(self._data), "TMPDIR": str(self._data / "tmp")}
        return {**own, **self._template.values(self.spec.env), RUN_LABEL: self._run_id, NODE_LABEL: self._label}

    def _make(self, directory: Path) -> None:
        directory.mkdir(0o700)
        self._give(directory)

    def _give(self, path: Path) -> None:
        if self._account:
            os.chown(path, self._account.pw_uid, self._account.pw_gid)

    def _scrub(self, output: bytes) -> str:
        text = output.decode("utf-8", errors="replace")
        for secret in self.spec.secrets:
            text = text.replace(secret, "***")
        return text

    def _members(self) -> list[psutil.Process]:
        """Everything that it consists of: descendants (also in sessions of their own, like PostgreSQL's backends) and
        whatever carries its label (also when its parent is gone)."""
        found: set[psutil.Process] = set()
        if self._main is not None and self.alive():
            found = {self._main, *descendants(self._main)}
        found |= {process for process, value in labelled(NODE_LABEL) if value == self._label}
        return [process for process in found if running(process)]

    def _signal_all(self, number: int, until: Callable[[psutil.Process], bool]) -> None:
        """Signal every member that ``until`` does not hold for, until none is left - they may start others meanwhile."""
        if self._main is None:
            return
        deadline = time.monotonic() + _PATIENCE
        while remaining := [process for process in self._members() if not until(process)]:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name}: {len(remaining)} processes did not follow {signal.Signals(number).name}")
            for process in remaining:
                send(process, number)
            time.sleep(0.001)


def _preparation(memory_mb: int | None) -> Callable[[], None]:
    """What the child does before it becomes the program: cap its memory, and die with its parent."""
    parent = os.getpid()
    with_parent = threading.current_thread() is threading.main_thread()

    def prepare() -> None:
        if memory_mb is not None:
            limit = memory_mb * 1024 * 1024
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))  # per process; RLIMIT_AS would count reservations, too
        if with_parent:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it died before that
                os.kill(os.getpid(), signal.SIGKILL)

    return prepare
