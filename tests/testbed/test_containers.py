"""Nodes as containers: a real engine, real images, real sockets."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterator

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from support.clusters.postgres import Postgres
from support.deadline import until
from support.observer.process import ObserverProcess
from support.outcomes import BadInput
from support.testbed.containers import Containers, available
from support.testbed.engine import RUN_LABEL, api
from support.testbed.interface import Direction, LinkMode, Node, NodeSpec

pytestmark = pytest.mark.skipif(available([]) is not None, reason=f"{available([])}")
REDIS = ["redis-server", "--port", "{port:redis}", "--bind", "{listen}", "--dir", "{data}", "--protected-mode", "no", "--appendonly", "yes"]


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObserverProcess]:
    with ObserverProcess.start(tmp_path_factory.mktemp("relay"), [], name="relay") as started:
        yield started


@pytest.fixture(scope="module")
def testbed(relay: ObserverProcess) -> Iterator[Containers]:
    with Containers(f"test-{secrets.token_hex(4)}", lambda: relay) as made:
        yield made


@pytest.fixture(scope="module")
def shared(testbed: Containers) -> Node:
    return testbed.node(NodeSpec("cache", REDIS, ports=["redis"], image="redis:8", user="unprivileged", secrets=["s3cret"], memory_mb=200))


@pytest.fixture
def node(shared: Node) -> Node:
    """A Redis that runs."""
    shared.thaw()
    if not shared.alive():
        shared.start()
    assert answers(shared)
    return shared


@pytest.fixture(scope="module")
def other(testbed: Containers) -> Node:
    """A container that only stands there."""
    made = testbed.node(NodeSpec("other", ["sleep", "600"], image="redis:8"))
    made.start()
    return made


def client(node: Node, address: object = None) -> redis.Redis:
    where = address or node.address("redis")
    return redis.Redis(where.host, where.port, socket_timeout=1.0, retry=Retry(NoBackoff(), 0), decode_responses=True)


def answers(node: Node) -> bool:
    def ping() -> bool:
        try:
            return bool(client(node).ping())
        except redis.RedisError:
            return False

    return bool(until(ping, within=10))


def test_killed_and_started_again_it_has_its_data_at_the_same_address(node):
    address = node.address("redis")
    client(node).set("a", "1")
    node.kill()
    assert (node.alive(), node.exit_code(), node.address("redis")) == (False, 128 + signal.SIGKILL, address)
    with pytest.raises(redis.ConnectionError):
        client(node).ping()
    node.kill()  # no error
    node.start()
    assert answers(node)
    assert client(node).get("a") == "1"


def test_frozen_it_keeps_its_connections_and_says_nothing(node):
    with client(node) as connected:
        connected.ping()
        peer = connected.connection_pool.get_connection()
        node.freeze()
        assert node.alive()
        assert node.exit_code() is None
        assert node.address("redis") == node.address("redis")
        peer.send_command("PING")
        assert not peer.can_read(timeout=0.3)
        node.freeze()  # no error
        node.thaw()
        assert peer.can_read(timeout=5)
        node.thaw()  # no error


def test_what_is_frozen_can_be_killed_and_removed(testbed):
    node = testbed.node(NodeSpec("frozen", ["sleep", "60"], image="redis:8"))
    node.start()
    node.freeze()
    node.kill()
    assert not node.alive()
    node.start()
    node.freeze()
    node.remove()
    assert not node.alive()
    node.thaw()  # healing comes late, and that is no error
    node.remove()


def test_stop_is_graceful_and_bounded(testbed, node):
    assert node.stop() == 0
    assert node.stop() == 0
    stubborn = testbed.node(NodeSpec("stubborn", ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"], image="redis:8"))
    stubborn.start()
    assert stubborn.stop(grace=0.3) == 128 + signal.SIGKILL
    stubborn.remove()


def test_signals_reach_its_main_process(node):
    node.signal(signal.SIGTERM)
    assert until(lambda: node.exit_code() == 0, within=5)
    with pytest.raises(ProcessLookupError):
        node.signal(signal.SIGTERM)


def test_run_has_input_separate_outputs_and_the_exit_code(node):
    done = node.run(["sh", "-c", "cat; echo s3cret is {port:redis} >&2; exit 3"], stdin="hello")
    assert (done.code, done.stdout, done.stderr) == (3, "hello", f"*** is {node.address('redis').port}\n")
    assert node.run(["id", "--user", "--name"]).stdout.strip() == "redis"
    big = "x" * 1_000_000
    assert node.run(["cat"], stdin=big).stdout == big


def test_run_is_bounded(node):
    with pytest.raises(TimeoutError, match="sleep took longer than"):
        node.run(["sleep", "30"], timeout=0.3)


def test_files_are_there_from_the_start_and_belong_to_the_nodes_user(testbed):
    command = ["sh", "-c", "cat {data}/a/b {data}/later; exec sleep 60"]
    node = testbed.node(NodeSpec("files", command, files={"a/b": "at {data}\n"}, image="redis:8", user="unprivileged"))
    node.put("later", "before the start\n")
    node.start()
    assert until(lambda: node.log() == "at /holdfast\nbefore the start\n", within=5), node.log()
    node.put("x/y", "while it runs")
    assert node.run(["cat", "{data}/x/y"]).stdout == "while it runs"
    assert node.run(["stat", "--format=%U %a", "{data}", "{data}/x", "{data}/x/y"]).stdout.split("\n")[:3] == ["redis 700", "redis 700", "redis 600"]
    node.kill()
    node.put("x/y", "while it is down")
    node.start()
    assert node.run(["cat", "{data}/x/y"]).stdout == "while it is down"
    node.remove()


def test_environment_that_was_learnt_late_is_in_and_the_log_has_all_lives_without_secrets(testbed):
    node = testbed.node(NodeSpec("talker", ["sh", "-c", "echo $GREETING; exec sleep 60"], env={"GREETING": "?"}, image="redis:8"))
    node.configure({"GREETING": "my p4ssword"}, secrets=["p4ssword"])
    assert (node.log(), node.alive(), node.exit_code()) == ("", False, None)
    for life in (1, 2):
        node.start()
        assert until(lambda life=life: node.log() == "my ***\n" * life, within=5), node.log()
        node.kill()
    node.remove()


def test_memory_is_capped(node):
    limit = node.run(["sh", "-c", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null"]).stdout
    assert limit.strip() == str(200 * 2**20)


def test_nodes_reach_each_other_the_host_and_processes_on_it(testbed, node, other):
    def reaches(address: object) -> bool:
        return other.run(["bash", "-c", f"echo > /dev/tcp/{address.host}/{address.port}"]).code == 0

    assert reaches(node.address("redis", other))

    program = "import socket, sys, time; listener = socket.create_server((sys.argv[1], int(sys.argv[2]))); time.sleep(60)"
    user_program = testbed.node(NodeSpec("program", [sys.executable, "-c", program, "{listen}", "{port:http}"], ports=["http"]))
    user_program.start()
    assert until(lambda: reaches(user_program.address("http", other)), within=5)
    host = user_program.address("http")
    socket.create_connection((host.host, host.port), timeout=1).close()

    for address in testbed.listen_addresses():
        with socket.create_server((address, 0)) as listener:
            assert address == "127.0.0.1" or other.run(["bash", "-c", f"echo > /dev/tcp/{address}/{listener.getsockname()[1]}"]).code == 0
    assert testbed.host_address(other) in testbed.listen_addresses()
    assert testbed.host_address(user_program) == testbed.host_address() == "127.0.0.1"
    user_program.remove()


def test_only_loopback_is_published(node):
    published = [port for container in api().containers(filters={"label": RUN_LABEL}) for port in container["Ports"] if "PublicPort" in port]
    assert node.address("redis").port in {port["PublicPort"] for port in published}
    assert {port["IP"] for port in published} == {"127.0.0.1"}


def test_a_link_leads_host_and_containers_to_a_node_and_survives_its_restart(testbed, node):
    link = testbed.link("host", node, "redis")
    inside = link.address(node)
    assert client(node, link.address()).ping()
    assert node.run(["redis-cli", "-h", inside.host, "-p", str(inside.port), "ping"]).stdout == "PONG\n"
    node.kill()
    node.start()
    assert answers(node)
    assert client(node, link.address()).ping()
    link.set(LinkMode.SILENT, direction=Direction.BACK)
    with pytest.raises(redis.TimeoutError):
        client(node, link.address()).ping()
    assert link.counters().affected > 0
    link.close()


def test_links_beside_each_other_tell_the_viewers_apart(testbed, node, other):
    everybody = testbed.link("host", node, "redis")
    own = testbed.link(other, node, "redis", beside=everybody)
    assert own.address(other) == everybody.address(node)

    def ask(viewer: Node) -> str:
        address = everybody.address(viewer)
        return viewer.run(["redis-cli", "-h", address.host, "-p", str(address.port), "ping"]).stdout

    own.set(LinkMode.REFUSE)
    assert ask(other) == ""
    assert ask(node) == "PONG\n"
    assert (own.counters().affected > 0, everybody.counters().affected) == (True, 0)
    own.set(LinkMode.OPEN)
    assert ask(other) == "PONG\n"
    own.close()
    assert ask(other) == "PONG\n", "without a link of its own it is like everybody"
    everybody.close()


def test_postgres_runs_on_containers_and_tells_no_password(testbed):
    server = Postgres.start(testbed, image="postgres:17")
    database = server.lease()
    with psycopg.connect(database.host_dsn) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS x")
    server.node.kill()
    server.node.start()

    def kept() -> object:
        try:
            with psycopg.connect(database.host_dsn) as connection:
                return connection.execute("SELECT x FROM kept").fetchone()
        except psycopg.OperationalError:
            return None

    assert until(kept, within=10) == (1,)
    shown = api().inspect_container(next(c["Id"] for c in api().containers(filters={"label": RUN_LABEL, "name": "postgres"})))
    assert not any(secret in str((shown["Config"], shown["Args"])) for secret in (*server.node.spec.secrets, *database.secrets))
    assert server.version.startswith("17.")
    database.release()
    server.close()


def test_a_program_that_the_image_lacks_is_bad_input_and_leaves_nothing(testbed):
    node = testbed.node(NodeSpec("lacking", ["nonsuch"], image="redis:8"))
    with pytest.raises(BadInput, match="nonsuch"):
        node.start()
    assert api().containers(all=True, filters={"name": "lacking"}) == []
    node = testbed.node(NodeSpec("lacking", ["sleep", "1"], image="redis:8", user="nobody-knows"))
    with pytest.raises(BadInput, match="nobody-knows"):
        node.start()
    assert api().containers(all=True, filters={"name": "lacking"}) == []


def test_a_fork_handles_nodes_of_its_parent_and_removes_only_its_own(testbed, node):
    child = os.fork()
    if child == 0:
        own = testbed.node(NodeSpec("forks", ["sleep", "60"], image="redis:8"))
        own.start()
        fine = node.alive() and own.alive()
        testbed.close()
        os._exit(0 if fine and node.alive() and not own.alive() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert client(node).ping()
