"""Every kind of fault, on a real program behind a real link: its effect is seen, and gone once it is healed."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator

import pytest

from support.deadline import until
from support.faults.kinds import CutOff, Frozen, Killed, Silent, Stopped, fault_named
from support.faults.ledger import Fault, Subject
from support.observer.process import ObserverProcess
from support.outcomes import BadInput
from support.testbed.interface import HOST, Address, NodeSpec
from support.testbed.processes import Processes

SERVER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Answer).serve_forever()
"""


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObserverProcess]:
    with ObserverProcess.start(tmp_path_factory.mktemp("relay"), [], name="relay") as process:
        yield process


@pytest.fixture
def testbed(relay: ObserverProcess) -> Iterator[Processes]:
    with Processes(f"test-{secrets.token_hex(4)}", lambda: relay) as made:
        yield made


@pytest.fixture
def subject(testbed: Processes) -> Subject:
    """A web server, its port, and the link through which its peers reach it."""
    node = testbed.node(NodeSpec("server", ["python3", "-c", SERVER, "{listen}", "{port:http}"], ports=["http"]))
    node.start()
    subject = Subject("server", node, node.address("http"), (testbed.link(HOST, node, "http"),))
    assert until(lambda: answers(through(subject)), within=10)
    return subject


def through(subject: Subject) -> Address:
    return subject.peers[0].address()


def answers(address: Address) -> bool:
    try:
        with socket.create_connection((address.host, address.port), timeout=0.5) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return connection.recv(12) == b"HTTP/1.0 200"
    except OSError:
        return False


def bites(fault: Fault, subject: Subject) -> bool:
    return bool(until(lambda: fault.bites(subject), within=5))


@pytest.mark.parametrize("fault", [CutOff(), Silent(), Frozen()], ids=lambda fault: fault.name)
def test_it_bites_and_heals(subject, fault):
    assert not fault.bites(subject)
    fault.inject(subject)
    assert bites(fault, subject) and not answers(through(subject))
    assert answers(subject.port) is not isinstance(fault, Frozen)  # a fault of the net leaves the program alone
    fault.heal(subject)
    assert until(lambda: answers(through(subject)), within=5)
    assert not fault.bites(subject)


@pytest.mark.parametrize("fault", [Killed(), Stopped()], ids=lambda fault: fault.name)
def test_it_ends_the_program_for_good(subject, fault):
    assert not fault.bites(subject)
    fault.inject(subject)
    assert bites(fault, subject)
    fault.heal(subject)
    assert fault.bites(subject) and not answers(subject.port)


def test_a_death_is_not_seen_while_something_answers_in_its_place(subject):
    with socket.create_server(("127.0.0.1", 0)) as other:
        elsewhere = Subject("server", subject.node, Address("127.0.0.1", other.getsockname()[1]), subject.peers)
        Killed().inject(elsewhere)
        assert not Killed().bites(elsewhere)


def test_a_cut_is_not_seen_when_the_program_itself_is_gone(subject):
    subject.node.kill()
    CutOff().inject(subject)
    assert not CutOff().bites(subject)
    CutOff().heal(subject)


def test_healing_is_safe_when_nothing_was_done(subject):
    for fault in (CutOff(), Silent(), Frozen()):
        fault.heal(subject)
    assert answers(through(subject))


@pytest.mark.parametrize(("words", "lacks"), [("killed", "node"), ("stopped", "node"), ("frozen", "node"), ("cut off", "links"), ("silent", "links")])
def test_what_cannot_be_done_to_it_is_said(words, lacks):
    with pytest.raises(BadInput, match="runs outside of the suite" if lacks == "node" else "has no links"):
        fault_named(words).inject(Subject("theirs", None, None))


def test_a_fault_that_nobody_knows_is_refused():
    with pytest.raises(BadInput, match='no fault is called "drowned": choose one of killed, stopped, frozen, cut off, silent'):
        fault_named("drowned")
