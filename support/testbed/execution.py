"""Running a program inside a container with input, separate outputs and a deadline (the SDK's own call has no input and no deadline)."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Sequence

from support.testbed.engine import api
from support.testbed.interface import Completed

_HEADER = struct.Struct(">BxxxL")  # of a frame: stream (1 stdout, 2 stderr), length of what follows
_CHUNK = 65536


def execute(container: str, command: Sequence[str], stdin: bytes, timeout: float) -> Completed:
    """Run ``command`` as the container's own user. TimeoutError: it was not done after ``timeout`` seconds (and goes on)."""
    identity = api().exec_create(container, list(command), stdin=True)["Id"]
    stream = api().exec_start(identity, socket=True)
    try:
        framed = _exchange(stream._sock, stdin, time.monotonic() + timeout)
    except TimeoutError:
        raise TimeoutError(f"{command[0]} took longer than {timeout} s") from None
    finally:
        stream.close()
    stdout, stderr = _outputs(framed)
    return Completed(api().exec_inspect(identity)["ExitCode"], stdout, stderr)


def _exchange(connection: socket.socket, pending: bytes, deadline: float) -> bytes:
    """Send ``pending`` and meanwhile receive, so that neither side waits for the other, until the other end closes."""
    connection.setblocking(False)
    sending = memoryview(pending)
    open_for_input = True
    received = bytearray()
    while (remaining := deadline - time.monotonic()) > 0:
        readable, writable, _ = select.select([connection], [connection] if open_for_input else [], [], remaining)
        if writable and sending:
            sending = sending[connection.send(sending[:_CHUNK]):]
        elif writable:
            connection.shutdown(socket.SHUT_WR)
            open_for_input = False
        if readable:
            chunk = connection.recv(_CHUNK)
            if not chunk:
                return bytes(received)
            received += chunk
    raise TimeoutError


def _outputs(framed: bytes) -> tuple[str, str]:
    """What went to stdout and to stderr."""
    outputs = {1: bytearray(), 2: bytearray()}
    position = 0
    while position < len(framed):
        channel, length = _HEADER.unpack_from(framed, position)
        position += _HEADER.size
        outputs[channel] += framed[position:position + length]
        position += length
    return outputs[1].decode("utf-8", errors="replace"), outputs[2].decode("utf-8", errors="replace")
