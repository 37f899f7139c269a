"""A node as a container."""

from __future__ import annotations

import io
import math
import secrets
import tarfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import PurePosixPath
from typing import Any

from docker.errors import APIError, NotFound
from docker.types import EndpointConfig

from support.outcomes import BadInput
from support.testbed.engine import RUN_LABEL, api, engine, fetch, remove_container
from support.testbed.execution import execute
from support.testbed.interface import HOST, Address, Completed, Node, NodeSpec
from support.testbed.network import Network
from support.testbed.ports import ReservedPort, reserve
from support.testbed.processes import LOOPBACK
from support.testbed.template import Template

_DATA = "/holdfast"
_EVERY_INTERFACE = "0.0.0.0"


class ContainerNode(Node):
    """One container, made by the first start (what it is told until then goes into its making) and kept until ``remove``.
    Its data is a directory inside it."""

    def __init__(self, spec: NodeSpec, run_id: str, network: Network) -> None:
        assert spec.image is not None
        self.spec = spec
        self._image = fetch(spec.image)
        self._run_id = run_id
        self._network = network
        self._container = f"holdfast-{spec.name}-{secrets.token_hex(4)}"  # its name identifies it, before it exists, too
        self._ports: dict[str, ReservedPort] = {name: reserve() for name in spec.ports}
        self._address = network.reserve()
        self.source = self._address.address
        numbers = {name: port.number for name, port in self._ports.items()}
        self._template = Template(numbers, _EVERY_INTERFACE, _DATA, self.source)
        self._files = {path: self._template.fill(content) for path, content in spec.files.items()}  # to be put into it when it is made

    def address(self, port: str, seen_from: str | Node = HOST) -> Address:
        number = self._ports[port].number
        return Address(self.source if isinstance(seen_from, ContainerNode) else LOOPBACK, number)

    def alive(self) -> bool:
        return bool(self._state()["Running"])

    def exit_code(self) -> int | None:
        state = self._state()
        return int(state["ExitCode"]) if state["Status"] == "exited" else None

    def start(self) -> None:
        """See ``Node.start``. BadInput: its image has no such program or user."""
        if self.alive():
            raise RuntimeError(f"{self.name} is running")
        if self._exists():
            api().start(self._container)
            return
        try:
            self._create()
            self._pack(self._files)
            api().start(self._container)
        except BaseException as error:
            remove_container(self._container)
            if isinstance(error, APIError) and error.is_client_error():
                raise BadInput(f"{self.name}: image {self._image} cannot be started so: {error.explanation}") from None
            raise

    def stop(self, grace: float = 10.0) -> int | None:
        if self.alive():
            api().stop(self._container, timeout=math.ceil(grace))
        return self.exit_code()

    def kill(self) -> None:
        if self.alive():
            self._unless_ended(lambda: api().kill(self._container))

    def signal(self, number: int) -> None:
        """Send a signal to its main process. ProcessLookupError: there is none."""
        if not self.alive():
            raise ProcessLookupError(f"{self.name} does not run")
        api().kill(self._container, signal=number)

    def freeze(self) -> None:
        """See ``Node.freeze``. ProcessLookupError: it does not run."""
        state = self._state()
        if not state["Running"]:
            raise ProcessLookupError(f"{self.name} does not run")
        if not state["Paused"]:
            api().pause(self._container)

    def thaw(self) -> None:
        if self._state()["Paused"]:
            self._unless_ended(lambda: api().unpause(self._container))

    def run(self, command: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Completed:
        """See ``Node.run``; placeholders are filled. TimeoutError: it took longer (and ends with the node).
        docker.errors.APIError: the node does not run."""
        done = execute(self._container, self._template.all(command), stdin.encode(), timeout)
        return Completed(done.code, self._scrub(done.stdout), self._scrub(done.stderr))

    def put(self, path: str, content: str) -> None:
        if self._exists():
            self._pack({path: content})
        else:
            self._files[path] = content

    def log(self) -> str:
        try:
            output: bytes = api().logs(self._container)
        except NotFound:
            return ""
        return self._scrub(output.decode("utf-8", errors="replace"))

    def remove(self) -> None:
        remove_container(self._container)
        self._address.release()
        for port in self._ports.values():
            port.release()

    def _create(self) -> None:
        """Create the container (Testcontainers' way: labelled for its reaper), without starting it."""
        command = self._template.all(self.spec.command)
        program: dict[str, Any] = {"entrypoint": command[:1], "command": command[1:]} if command else {}
        memory = f"{self.spec.memory_mb}m" if self.spec.memory_mb else None
        client = engine()
        endpoint = EndpointConfig(client.client.api._version, ipv4_address=self.source)
        client.create(
            self._image,
            **program,
            environment=self._template.values(self.spec.env),
            ports={f"{port.number}/tcp": (LOOPBACK, port.number) for port in self._ports.values()},
            labels={RUN_LABEL: self._run_id},
            name=self._container,
            network=self._network.name,
            networking_config={self._network.name: endpoint},
            user=_service_user(self._image) if self.spec.user == "unprivileged" else self.spec.user,
            mem_limit=memory,
            memswap_limit=memory,  # the same figure: no swap beside it
            stop_signal="SIGTERM",
        )

    def _pack(self, files: Mapping[str, str]) -> None:
        """Write files below its directory, with the directories above them, all owned by its user."""
        owner = _owner(self._container)
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            _add(archive, _DATA, None, owner)
            for path, content in files.items():
                for parent in reversed(PurePosixPath(path).parents[:-1]):
                    _add(archive, f"{_DATA}/{parent}", None, owner)
                _add(archive, f"{_DATA}/{path}", content, owner)
        api().put_archive(self._container, "/", packed.getvalue())

    def _exists(self) -> bool:
        return bool(self._state()["Status"])

    def _state(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = api().inspect_container(self._container)["State"]
        except NotFound:
            return {"Running": False, "Paused": False, "Status": ""}
        return state

    def _unless_ended(self, act: Callable[[], object]) -> None:
        """Do something to a running container; that it ended meanwhile is no error."""
        try:
            act()
        except APIError:
            if self.alive():
                raise

    def _scrub(self, text: str) -> str:
        for secret in self.spec.secrets:
            text = text.replace(secret, "***")
        return text


def _add(archive: tarfile.TarFile, path: str, content: str | None, owner: tuple[int, int]) -> None:
    """Add a file (None: a directory)."""
    entry = tarfile.TarInfo(path)
    entry.uid, entry.gid = owner
    if content is None:
        entry.type, entry.mode = tarfile.DIRTYPE, 0o700
        archive.addfile(entry)
    else:
        data = content.encode()
        entry.size, entry.mode = len(data), 0o600
        archive.addfile(entry, io.BytesIO(data))


def _service_user(image: str) -> str:
    """The user that an image's service runs as: the one that the image names, or that bears the image's name
    (``postgres:17`` → ``postgres``), as in official images."""
    own = api().inspect_image(image)["Config"]["User"]
    return str(own or image.rpartition("/")[2].partition(":")[0])


def _owner(container: str) -> tuple[int, int]:
    """User and group id that a container's programs run under. BadInput: its image does not know the user."""
    user = api().inspect_container(container)["Config"]["User"].partition(":")[0]
    if user.isdecimal() or not user:
        return int(user or 0), 0
    stream, _ = api().get_archive(container, "/etc/passwd")
    with suppress(KeyError), tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
        accounts = [line.split(":") for line in archive.extractfile("passwd").read().decode().splitlines()]  # type: ignore[union-attr]
        for name, _, uid, gid, *_ in accounts:
            if name == user:
                return int(uid), int(gid)
    raise BadInput(f"the image has no user {user}, and its service must not run as root")
