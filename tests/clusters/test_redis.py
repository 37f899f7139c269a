"""The testbed's interface carries more than one node: a Redis master, a replica and three Sentinels, every path a link."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import pytest
import redis as client_library

from support.clusters.redis import DOWN_AFTER_SECONDS, Redis
from support.deadline import until
from support.observer.process import ObserverProcess
from support.testbed.containers import Containers, available
from support.testbed.interface import Direction, LinkMode, Testbed
from support.testbed.processes import Processes

NO_ENGINE = pytest.mark.skipif(available([]) is not None, reason=f"{available([])}")


@pytest.fixture(params=[Processes, pytest.param(Containers, marks=NO_ENGINE)], ids=lambda kind: kind.name)
def testbed(request: pytest.FixtureRequest, tmp_path) -> Iterator[Testbed]:
    with ObserverProcess.start(tmp_path, [], name="relay") as relay, request.param(f"test-{secrets.token_hex(4)}", lambda: relay) as made:
        yield made


def shows_no_password(cluster: Redis) -> None:
    for node in (*cluster.servers, *cluster.sentinels):
        assert not any(secret in str((node.spec.command, node.spec.env)) for secret in node.spec.secrets)
        arguments = node.run(["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"]).stdout
        assert "redis-server" in arguments
        assert "***" not in arguments + node.log(), "a secret was scrubbed from it"
    address = cluster.servers[0].address("redis")
    with pytest.raises(client_library.AuthenticationError):
        client_library.Redis(address.host, address.port).ping()


def test_one_sentinel_is_cut_off_one_way_and_then_the_master_dies(testbed):
    cluster = Redis.start(testbed)
    master, replica = cluster.servers
    *seeing, blind = cluster.sentinels

    def flags() -> list[str]:
        return [cluster.view(sentinel)["flags"] for sentinel in cluster.sentinels]

    shows_no_password(cluster)

    # every path is the viewer's own
    viewers = [(replica, master), *((sentinel, server) for sentinel in cluster.sentinels for server in cluster.servers)]
    assert all(cluster.link(viewer, node).counters().connections > 0 for viewer, node in viewers)
    assert all(cluster.everybody(node).counters().connections == 0 for node in (*cluster.servers, *cluster.sentinels))

    # the master's answers no longer reach one Sentinel, what that one says still reaches the master
    cut = cluster.link(blind, master)
    before = cut.counters()
    watched = time.monotonic() + 3 * DOWN_AFTER_SECONDS
    cut.set(LinkMode.SILENT, direction=Direction.BACK)
    assert until(lambda: "s_down" in cluster.view(blind)["flags"], within=10)
    assert until(lambda: cut.counters().silenced_bytes > 0 and cut.counters().bytes_there > before.bytes_there, within=5)
    while time.monotonic() < watched:
        assert flags()[:-1] == ["master"] * len(seeing), "the cut reached others, too"
        assert all(cluster.master(sentinel) is master for sentinel in cluster.sentinels)
        time.sleep(0.1)
    assert all(cluster.link(sentinel, master).counters().affected == 0 for sentinel in seeing)

    with cluster.client(master) as client:
        client.set("a", "1")
        assert client.wait(1, 5000) == 1
    epoch = int(cluster.view(seeing[0])["config-epoch"])
    master.kill()
    assert until(lambda: flags() == ["master"] * 3 and all(cluster.master(s) is replica for s in cluster.sentinels), within=30), flags()
    assert int(cluster.view(seeing[0])["config-epoch"]) > epoch
    with cluster.client(replica) as client:
        assert client.get("a") == "1"
        client.set("a", "2")

    cluster.close()
    assert not any(node.alive() for node in (*cluster.servers, *cluster.sentinels))
    with pytest.raises(client_library.ConnectionError):
        cluster.client(replica).ping()
    cluster.close()
