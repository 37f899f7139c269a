"""The faults themselves: what is done, how its effect is witnessed, how it is undone."""

from __future__ import annotations

import socket

from support.faults.ledger import Fault, Subject
from support.outcomes import BadInput
from support.testbed.interface import Address, Link, LinkMode, Node

ANSWERS_WITHIN = 0.25  # a program that is not frozen answers a health request well within this


class Killed:
    """Its process ends without a word (SIGKILL). Healing does nothing: a scenario that wants it back says so."""

    name = "killed"
    capability = "kill"

    def inject(self, subject: Subject) -> None:
        _node(subject).kill()

    def bites(self, subject: Subject) -> bool:
        return not _node(subject).alive() and (subject.port is None or not _connects(subject.port))

    def heal(self, subject: Subject) -> None:
        """The dead stay dead; the testbed removes them."""


class Stopped:
    """It is told to end and does so in its own good order (SIGTERM): a clean leave."""

    name = "stopped"
    capability = "stop"

    def inject(self, subject: Subject) -> None:
        _node(subject).stop()

    def bites(self, subject: Subject) -> bool:
        return not _node(subject).alive()

    def heal(self, subject: Subject) -> None:
        """Ended of its own will: nothing to undo."""


class Frozen:
    """It stops running without ending a connection (SIGSTOP, pause)."""

    name = "frozen"
    capability = "freeze"

    def inject(self, subject: Subject) -> None:
        _node(subject).freeze()

    def bites(self, subject: Subject) -> bool:
        return subject.port is None or not _answers(subject.port)

    def heal(self, subject: Subject) -> None:
        _node(subject).thaw()


class _OnLinks:
    """A fault on everything between the subject and its peers; the subject itself is untouched."""

    name = ""
    capability = "link"
    mode = LinkMode.OPEN

    def inject(self, subject: Subject) -> None:
        for link in _links(subject):
            link.set(self.mode)

    def bites(self, subject: Subject) -> bool:
        raise NotImplementedError

    def heal(self, subject: Subject) -> None:
        for link in subject.peers:
            link.set(LinkMode.OPEN)


class CutOff(_OnLinks):
    """Its connections end and new ones are refused, in both directions."""

    name = "cut off"
    mode = LinkMode.REFUSE

    def bites(self, subject: Subject) -> bool:
        itself_lives = subject.port is None or _connects(subject.port)
        return itself_lives and not any(_connects(link.address()) for link in subject.peers)


class Silent(_OnLinks):
    """Its connections stay and nothing comes through: swallowed packets."""

    name = "silent"
    mode = LinkMode.SILENT

    def bites(self, subject: Subject) -> bool:
        itself_lives = subject.port is None or _answers(subject.port)
        return itself_lives and not any(_answers(link.address()) for link in subject.peers)


FAULTS: dict[str, Fault] = {fault.name: fault for fault in (Killed(), Stopped(), Frozen(), CutOff(), Silent())}


def fault_named(words: str) -> Fault:
    """The fault that a sentence names. Raises BadInput for words that name none."""
    if words not in FAULTS:
        raise BadInput(f'no fault is called "{words}": choose one of {", ".join(FAULTS)}')
    return FAULTS[words]


def _node(subject: Subject) -> Node:
    if subject.node is None:
        raise BadInput(f"{subject.name} runs outside of the suite: it cannot be killed, stopped or frozen from here")
    return subject.node


def _links(subject: Subject) -> tuple[Link, ...]:
    if not subject.peers:
        raise BadInput(f"{subject.name} has no links: it cannot be cut off")
    return subject.peers


def _connects(address: Address) -> bool:
    try:
        socket.create_connection((address.host, address.port), timeout=ANSWERS_WITHIN).close()
    except OSError:
        return False
    return True


def _answers(address: Address) -> bool:
    """Whether anything at all is answered to a request; every system here speaks HTTP or answers garbage with an error."""
    try:
        with socket.create_connection((address.host, address.port), timeout=ANSWERS_WITHIN) as connection:
            connection.settimeout(ANSWERS_WITHIN)
            connection.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            return bool(connection.recv(1))
    except OSError:
        return False
