"""Links on real sockets, carried by a real relay process."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from support.deadline import until
from support.observer.process import ObserverProcess
from support.observer.rpc import OperationFailed
from support.testbed.interface import HOST, Address, Direction, LinkMode
from support.testbed.links import RelayLink

LOOPBACK = "127.0.0.1"


class Echo:
    """The node at the far end: echoes, and remembers what it heard. Stands in for a ``Node``."""

    name = "echo"

    def __init__(self, port: int = 0) -> None:
        self.heard = b""
        self.errors: list[OSError] = []
        self.connections: list[socket.socket] = []
        self.listener = socket.create_server((LOOPBACK, port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def address(self, port: str) -> Address:
        return Address(LOOPBACK, self.port)

    def close(self) -> None:
        if self.listener.fileno() < 0:
            return
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.connections:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        try:
            while chunk := connection.recv(65536):
                self.heard += chunk
                connection.sendall(chunk)
            connection.close()
        except OSError as error:
            self.errors.append(error)


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObserverProcess]:
    with ObserverProcess.start(tmp_path_factory.mktemp("relay"), [], name="relay") as process:
        yield process


@pytest.fixture
def node() -> Iterator[Echo]:
    echo = Echo()
    yield echo
    echo.close()


@pytest.fixture
def link(relay: ObserverProcess, node: Echo) -> Iterator[RelayLink]:
    made = RelayLink(relay, HOST, node, "tcp", [LOOPBACK], lambda _: LOOPBACK)
    yield made
    made.close()


def connect(link: RelayLink) -> socket.socket:
    address = link.address()
    connection = socket.create_connection((address.host, address.port), timeout=5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def ask(connection: socket.socket, words: bytes) -> bytes:
    connection.sendall(words)
    return receive(connection, len(words))


def receive(connection: socket.socket, size: int) -> bytes:
    got = b""
    while len(got) < size and (chunk := connection.recv(size - len(got))):
        got += chunk
    return got


def hears_nothing(connection: socket.socket, seconds: float = 0.1) -> bool:
    connection.settimeout(seconds)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(5)
    return False


def counted(link: RelayLink, **expected: int) -> bool:
    """Whether these counters come to these values."""
    return bool(until(lambda: all(getattr(link.counters(), name) == value for name, value in expected.items()), within=5))


def test_bytes_pass_both_ways_and_are_counted(link, node):
    with connect(link) as connection:
        assert ask(connection, b"question") == b"question"
    assert counted(link, connections=1, bytes_there=8, bytes_back=8)
    assert link.counters().affected == 0


def test_much_passes_unchanged_through_small_buffers(link):
    much = secrets.token_bytes(5_000_000)
    with connect(link) as connection:
        writer = threading.Thread(target=lambda: (connection.sendall(much), connection.shutdown(socket.SHUT_WR)))
        writer.start()
        assert receive(connection, len(much)) == much
        assert connection.recv(1) == b""  # the node's own end came through after the half-close
        writer.join()


def test_refuse_ends_standing_connections_and_refuses_new_ones(link, node):
    with connect(link) as standing:
        assert ask(standing, b"x") == b"x"
        link.set(LinkMode.REFUSE)
        assert standing.recv(1) == b""
        assert not node.errors
    with pytest.raises(ConnectionRefusedError):
        connect(link)
    assert link.counters().refused == 1


def test_a_refusing_link_keeps_its_port_and_opens_again(link):
    link.set(LinkMode.REFUSE)
    link.set(LinkMode.REFUSE)
    with socket.socket() as thief, pytest.raises(OSError, match="in use"):
        thief.bind((LOOPBACK, link.address().port))
    link.set(LinkMode.OPEN)
    with connect(link) as connection:
        assert ask(connection, b"again") == b"again"


def test_reset_ends_standing_and_new_connections_with_rst(link, node):
    with connect(link) as standing:
        assert ask(standing, b"x") == b"x"
        link.set(LinkMode.RESET)
        with pytest.raises(ConnectionResetError):
            standing.recv(1)
        assert until(lambda: [type(error) for error in node.errors] == [ConnectionResetError], within=5)
    with pytest.raises(ConnectionResetError), connect(link) as new:
        new.recv(1)
    assert counted(link, reset=2)
    link.set(LinkMode.OPEN)
    with connect(link) as connection:
        assert ask(connection, b"again") == b"again"


def test_refuse_after_reset_really_refuses(link):
    link.set(LinkMode.RESET)
    link.set(LinkMode.REFUSE)
    with pytest.raises(ConnectionRefusedError):
        connect(link)


def test_silence_holds_bytes_back_until_the_link_opens(link, node):
    with connect(link) as connection:
        assert ask(connection, b"before") == b"before"
        link.set(LinkMode.SILENT)
        connection.sendall(b"during")
        assert counted(link, silenced_bytes=6)
        assert hears_nothing(connection) and node.heard == b"before"
        link.set(LinkMode.OPEN)
        assert receive(connection, 6) == b"during"
    assert node.heard == b"beforeduring"


def test_silence_accepts_new_connections_and_serves_them_later(link, node):
    link.set(LinkMode.SILENT)
    with connect(link) as connection:
        assert counted(link, silenced_bytes=1)  # the attempt itself
        connection.sendall(b"hello")
        assert counted(link, silenced_bytes=6, connections=0)
        assert hears_nothing(connection) and not node.connections
        link.set(LinkMode.OPEN)
        assert receive(connection, 5) == b"hello"


@pytest.mark.parametrize("end", ["fin", "rst"])
def test_silence_hides_the_end_of_the_other_side(link, node, end):
    with connect(link) as connection:
        assert ask(connection, b"x") == b"x"
        link.set(LinkMode.SILENT)
        if end == "rst":
            node.connections[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        node.connections[0].shutdown(socket.SHUT_RD)  # the echo hears an end, and closes
        assert until(lambda: link.counters().silenced_bytes > 0, within=5)
        assert hears_nothing(connection)
        link.set(LinkMode.OPEN)
        if end == "rst":
            with pytest.raises(ConnectionResetError):
                connection.recv(1)
        else:
            assert connection.recv(1) == b""


def test_silence_there_lets_the_answers_back(link, node):
    with connect(link) as connection:
        assert ask(connection, b"x") == b"x"
        link.set(LinkMode.SILENT, direction=Direction.THERE)
        connection.sendall(b"lost")
        node.connections[0].sendall(b"pushed")
        assert receive(connection, 6) == b"pushed"
        assert node.heard == b"x"


def test_silence_back_lets_the_questions_there(link, node):
    link.set(LinkMode.SILENT, direction=Direction.BACK)
    with connect(link) as connection:
        connection.sendall(b"question")
        assert until(lambda: node.heard == b"question", within=5)
        assert hears_nothing(connection)
        link.set(LinkMode.OPEN, direction=Direction.BACK)
        assert receive(connection, 8) == b"question"


def test_delay_is_added_to_each_direction_and_keeps_the_order(link):
    with connect(link) as connection:
        link.set(LinkMode.DELAY, delay=0.1)
        began = time.monotonic()
        for piece in (b"a", b"b", b"c"):
            connection.sendall(piece)
        assert receive(connection, 3) == b"abc"
        assert 0.2 <= time.monotonic() - began < 0.4  # pieces travel side by side, not one after the other
        link.set(LinkMode.DELAY, direction=Direction.THERE, delay=0.05)
        link.set(LinkMode.OPEN, direction=Direction.BACK)
        began = time.monotonic()
        assert ask(connection, b"d") == b"d"
        assert 0.05 <= time.monotonic() - began < 0.14
    assert link.counters().delayed_bytes >= 7


def test_the_port_stays_while_the_node_comes_and_goes(link, node):
    port = node.port
    address = link.address()
    node.close()
    with pytest.raises(ConnectionResetError), connect(link) as connection:
        connection.recv(1)
    again = Echo(port)
    with connect(link) as connection:
        assert ask(connection, b"back") == b"back"
    assert link.address() == address
    again.close()


def test_retarget_leads_new_connections_elsewhere(link, node):
    other = Echo()
    with connect(link) as standing:
        assert ask(standing, b"x") == b"x"
        link.retarget(other.address("tcp"))
        with connect(link) as new:
            assert ask(new, b"new") == b"new" and ask(standing, b"y") == b"y"
    assert (node.heard, other.heard) == (b"xy", b"new")
    other.close()


@pytest.mark.parametrize("mode", [LinkMode.REFUSE, LinkMode.RESET])
def test_what_has_no_single_direction_says_so(link, mode):
    with pytest.raises(OperationFailed, match="no single direction"):
        link.set(mode, direction=Direction.THERE)


def test_close_frees_the_port_and_can_be_repeated(relay, node):
    link = RelayLink(relay, HOST, node, "tcp", [LOOPBACK], lambda _: LOOPBACK)
    port = link.address().port
    link.close()
    link.close()
    socket.create_server((LOOPBACK, port)).close()


def test_several_addresses_share_one_port(relay, node):
    link = RelayLink(relay, HOST, node, "tcp", [LOOPBACK, "127.0.0.2"], lambda viewer: "127.0.0.2" if viewer == "far" else LOOPBACK)
    address: Callable[[str], Address] = link.address
    assert (address("far").host, address("near").host) == ("127.0.0.2", LOOPBACK)
    for viewer in ("far", "near"):
        with socket.create_connection((address(viewer).host, address(viewer).port), timeout=5) as connection:
            assert ask(connection, b"x") == b"x"
    link.close()
