"""The Docker engine of this machine: whether it answers, which images can be had, and what dead runs left in it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from functools import cache
from ipaddress import ip_network
from typing import Any

from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from requests.exceptions import RequestException
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import Reaper
from testcontainers.core.docker_client import DockerClient

from support.outcomes import BadInput
from support.testbed.runs import lives

RUN_LABEL = "holdfast.run"  # on every container and network: the id of the run that made it
_ANSWER_SECONDS = 1.0
_REGISTRY_SECONDS = 5.0

_clients: dict[int, DockerClient] = {}  # process id → client; connections must not be shared with forks


def engine() -> DockerClient:
    """This process's client of the engine (Testcontainers': it knows contexts, registries' log-ins and Ryuk). DockerException: none answers."""
    pid = os.getpid()
    if pid not in _clients:
        _clients[pid] = DockerClient()
    return _clients[pid]


def api() -> Any:
    """The engine's low-level interface, one method a request."""
    return engine().client.api


def available(images: Iterable[str]) -> str | None:
    """None if containers of all these images can be run here, else why not, in a few words."""
    if reason := _engine_missing():
        return reason
    try:
        for image in images:
            resolve(image)
    except BadInput as error:
        return str(error)
    return None


@cache
def resolve(image: str) -> str:
    """The image that is run where ``image`` is asked for: itself, if it is here or can be pulled (asked for at most 5 s), else
    what ``python -m support.images`` built in its place. BadInput: neither can be had."""
    if _can_be_had(image):
        return image
    equivalent = f"holdfast/{image}"
    if "/" not in image and _is_local(equivalent):
        return equivalent
    raise BadInput(f"image {image} is neither here nor in a registry that answers; `python -m support.images` builds what PostgreSQL and Redis need")


def fetch(image: str) -> str:
    """The image that is run where ``image`` is asked for (see ``resolve``), pulled if it was not here."""
    name = resolve(image)
    if not _is_local(name):
        engine().client.images.pull(name)
    return name


def start_ryuk() -> None:
    """Start Testcontainers' reaper where its image can be had: it removes what a killed run leaves within seconds, the sweep of the next run
    only then. Forks share its connection, so it acts when the last of them has ended."""
    if not testcontainers_config.ryuk_disabled and _can_be_had(testcontainers_config.ryuk_image):
        Reaper.get_instance()


def sweep() -> set[str]:
    """Remove the containers and networks of runs that are over, whoever started them. Returns the ids of those runs; none where no engine answers."""
    if _engine_missing():
        return set()
    swept: set[str] = set()
    for container in api().containers(all=True, filters={"label": RUN_LABEL}):
        if not lives(container["Labels"][RUN_LABEL]):
            remove_container(container["Id"])
            swept.add(container["Labels"][RUN_LABEL])
    for network in api().networks(filters={"label": RUN_LABEL}):
        if not lives(network["Labels"][RUN_LABEL]):
            remove_network(network["Id"])
            swept.add(network["Labels"][RUN_LABEL])
    return swept


def remove_container(identity: str) -> None:
    """Remove a container whatever its state, with its anonymous volumes. Can be called twice."""
    try:
        api().remove_container(identity, force=True, v=True)
    except NotFound:
        return
    except APIError as error:
        if error.status_code != 409:  # 409: another sweep is removing it
            raise


def remove_network(identity: str) -> None:
    """Remove a network. Can be called twice."""
    try:
        api().remove_network(identity)
    except NotFound:
        return


def _engine_missing() -> str | None:
    try:
        networks = DockerClient(timeout=_ANSWER_SECONDS).client.api.networks(["bridge"])
        pools = [pool for network in networks for pool in network["IPAM"]["Config"]]
    except (DockerException, RequestException):
        return "no Docker engine answers"
    if not all(_is_ours(pool.get("Gateway") or str(ip_network(pool["Subnet"])[1])) for pool in pools):
        return "the Docker engine is on another machine, from where its containers cannot reach this one"
    return None


def _is_ours(address: str) -> bool:
    """Whether this machine can listen on the address."""
    with socket.socket() as trial:
        try:
            trial.bind((address, 0))
        except OSError:
            return False
    return True


def _can_be_had(image: str) -> bool:
    return _is_local(image) or _is_pullable(image)


def _is_local(image: str) -> bool:
    try:
        api().inspect_image(image)
    except ImageNotFound:
        return False
    return True


def _is_pullable(image: str) -> bool:
    client = DockerClient(timeout=_REGISTRY_SECONDS).client
    try:
        client.api.inspect_distribution(image)
    except (APIError, RequestException):
        return False
    finally:
        client.close()
    return True
