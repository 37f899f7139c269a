"""The network of a run's containers. Its containers have fixed addresses, which they keep while they are down."""

from __future__ import annotations

import ipaddress
import random
import socket
from dataclasses import dataclass
from typing import Any

from docker.errors import APIError
from docker.types import IPAMConfig, IPAMPool

from support.testbed.engine import RUN_LABEL, engine, remove_network

_ATTEMPTS = 5
_TRIALS = 1000


class ReservedAddress:
    """An address that no other run or node on this machine chooses, until it is released or its holder dies (see ``ports``)."""

    def __init__(self, address: str) -> None:
        """OSError: it is somebody else's."""
        self.address = address
        self._holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._holder.bind(f"\0holdfast-address-{address}")
        except OSError:
            self._holder.close()
            raise

    def release(self) -> None:
        """Give it back. Can be called twice."""
        self._holder.close()


@dataclass(frozen=True)
class Network:
    """A bridge of the engine; ``gateway`` is this machine's address in it."""

    name: str
    gateway: str
    subnet: str

    @classmethod
    def create(cls, run_id: str) -> Network:
        """Raises docker.errors.APIError."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return cls._create(run_id)
            except APIError as error:
                if error.status_code != 403:  # 403: another took the subnet between the two steps
                    raise
        return cls._create(run_id)

    @classmethod
    def _create(cls, run_id: str) -> Network:
        """The engine gives fixed addresses only in subnets that it was told: let it choose one, then tell it that one."""
        name = f"holdfast-{run_id}"
        parameters: dict[str, Any] = {"driver": "bridge", "labels": {RUN_LABEL: run_id}}
        draft = engine().client_networks_create(name, parameters)
        draft.reload()
        chosen = draft.attrs["IPAM"]["Config"][0]
        remove_network(name)
        pool = IPAMPool(subnet=chosen["Subnet"], gateway=chosen["Gateway"])
        engine().client_networks_create(name, {**parameters, "ipam": IPAMConfig(pool_configs=[pool])})
        return cls(name, chosen["Gateway"], chosen["Subnet"])

    def reserve(self) -> ReservedAddress:
        """An address for a node. OSError: none is left."""
        subnet = ipaddress.ip_network(self.subnet)
        for _ in range(_TRIALS):
            address = str(subnet[random.SystemRandom().randrange(1, subnet.num_addresses - 1)])
            if address != self.gateway:
                try:
                    return ReservedAddress(address)
                except OSError:  # somebody else's: look further
                    continue
        raise OSError(f"no address left in {self.subnet}")

    def remove(self) -> None:
        """Can be called twice."""
        remove_network(self.name)
