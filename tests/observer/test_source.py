"""The stream source over real sockets: what it answers, and what it writes down about its readers."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from support.evidence.history import SECOND
from tests.observer.conftest import LISTEN, OpenScope

SEGMENT = 1.0


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as executor:
        yield executor


def next_segment(scope: OpenScope, http: httpx.Client, stream: str = "s1", reader: str = "A", number: int | str = "next") -> httpx.Response:
    return http.get(f"{scope.url}/streams/{stream}/segments/{number}", headers={"X-Reader": reader})


def stop(scope: OpenScope, http: httpx.Client, stream: str = "s1", reader: str = "A") -> httpx.Response:
    return http.delete(f"{scope.url}/streams/{stream}/readers/{reader}")


def give_up(scope: OpenScope, stream: str = "s1", reader: str = "A") -> None:
    """Ask for a segment and end the connection while the request is held."""
    with httpx.Client(timeout=0.1, trust_env=False) as client, pytest.raises(httpx.ReadTimeout):
        for _ in range(3):  # the segment may be complete just then
            next_segment(scope, client, stream, reader)


def test_the_catalogue_names_each_stream_with_its_address(scope: OpenScope, http: httpx.Client) -> None:
    assert http.get(f"{scope.url}/catalogue").json() == {"version": 0, "streams": []}
    assert scope.call("streams.set_catalogue", streams=["s1", "s2"]) == {"version": 1}
    assert scope.call("streams.set_catalogue", streams=["s2"]) == {"version": 2}
    assert http.get(f"{scope.url}/catalogue").json() == {"version": 2, "streams": [{"id": "s2", "address": f"{scope.url}/streams/s2"}]}
    assert [(e["version"], e["streams"]) for e in scope.events("catalogue")] == [(1, ["s1", "s2"]), (2, ["s2"])]
    assert [e["version"] for e in scope.events("catalogue-read")] == [0, 2]


def test_addresses_are_those_under_which_it_was_asked(scope: OpenScope, http: httpx.Client) -> None:
    scope.call("streams.set_catalogue", streams=["s1"])
    answer = http.get(f"{scope.url}/catalogue", headers={"Host": "suite.example:7001"}).json()
    assert answer["streams"][0]["address"] == f"http://suite.example:7001/{scope.name}/streams/s1"


def test_segments_are_held_until_they_are_complete_and_readings_lapse(scope: OpenScope, http: httpx.Client) -> None:
    scope.call("streams.set_catalogue", streams=["s1"])
    asked = time.monotonic()
    first = next_segment(scope, http)
    number = int(first.headers["X-Segment"])
    assert first.text == f"s1 {number}\n"
    second = next_segment(scope, http, number=number + 1)
    assert int(second.headers["X-Segment"]) == number + 1
    assert time.monotonic() - asked > 0.99 * SEGMENT
    asked_again = time.monotonic_ns()
    again = next_segment(scope, http, number=number)
    assert (again.status_code, again.text) == (200, first.text)  # still kept, hence at once
    answered = time.monotonic_ns()
    [stopped] = scope.wait_for("read-stopped")
    assert stopped["how"] == "lapsed"
    assert asked_again <= stopped.t - SEGMENT * SECOND <= answered
    assert len(scope.events("read-started")) == 1


def test_what_cannot_be_had(scope: OpenScope, http: httpx.Client) -> None:
    scope.call("streams.set_catalogue", streams=["s1"])
    assert next_segment(scope, http, number=0).status_code == 410
    assert next_segment(scope, http, number=99).status_code == 410
    assert next_segment(scope, http, stream="s2").status_code == 404
    assert next_segment(scope, http, number="last").status_code == 404
    assert http.get(f"{scope.url}/streams/s1/segments/next").status_code == 422
    assert stop(scope, http, stream="s2").status_code == 404
    assert scope.events("read-started") == []


def test_a_reading_closes_with_its_connection(scope: OpenScope) -> None:
    scope.call("streams.set_catalogue", streams=["s1"])
    give_up(scope)
    [stopped] = scope.wait_for("read-stopped")
    assert stopped["how"] == "closed"
    assert stopped.t > scope.events("read-started")[0].t


def test_a_reading_goes_on_while_another_request_of_it_is_held(scope: OpenScope, http: httpx.Client, pool: ThreadPoolExecutor) -> None:
    scope.call("streams.set_catalogue", streams=["s1"])
    next_segment(scope, http)  # from the start of a segment on
    held = pool.submit(next_segment, scope, http)
    give_up(scope)
    assert held.result().status_code == 200
    assert scope.events("read-stopped") == []
    assert len(scope.events("read-started")) == 1


def test_a_stop_is_acknowledged_and_ends_the_reading(scope: OpenScope, http: httpx.Client, pool: ThreadPoolExecutor) -> None:
    scope.call("streams.set_catalogue", streams=["s1"])
    held = pool.submit(next_segment, scope, http)
    scope.wait_for("read-started")
    assert stop(scope, http).status_code == 200
    held.result()
    assert stop(scope, http, reader="never-read").status_code == 200
    kinds = [f"{e.what} {e['reader']}" for e in scope.history() if "stop" in e.what]
    assert kinds == ["stop-requested A", "read-stopped A", "stop-acknowledged A", "stop-requested never-read", "stop-acknowledged never-read"]
    assert scope.events("read-stopped")[0]["how"] == "acknowledged"


def test_giving_the_request_up_before_the_stop_ends_the_reading_once(scope: OpenScope, http: httpx.Client) -> None:
    scope.call("streams.set_catalogue", streams=["s1"])
    give_up(scope)
    assert stop(scope, http).status_code == 200
    assert len(scope.wait_for("read-stopped")) == 1
    assert len(scope.events("stop-acknowledged")) == 1


def test_reading_on_after_the_acknowledgement_is_a_new_reading(scope: OpenScope, http: httpx.Client) -> None:
    scope.call("streams.set_catalogue", streams=["s1"])
    for _ in range(2):
        give_up(scope)
        stop(scope, http)
    assert len(scope.events("read-started")) == 2


def test_what_comes_after_a_death_is_a_new_reading(scope: OpenScope, http: httpx.Client) -> None:
    scope.call("streams.set_catalogue", streams=["s1"])
    assert next_segment(scope, http).status_code == 200  # the next request is expected, and would go on with this reading
    scope.call("streams.reader_died", reader="A")
    assert next_segment(scope, http).status_code == 200
    assert [e["how"] for e in scope.events("read-stopped")] == ["died"]
    assert len(scope.events("read-started")) == 2


def test_held_stops_wait_for_their_release(
    scope: OpenScope, http: httpx.Client, pool: ThreadPoolExecutor, eventually: Callable[[Callable[[], Any]], Any]
) -> None:
    scope.call("streams.set_catalogue", streams=["s1", "s2"])
    scope.call("streams.hold_stops", hold=True)
    wanted = (("s1", "A"), ("s2", "A"), ("s1", "B"))
    for pair in wanted:
        give_up(scope, *pair)
    stops: list[Future[httpx.Response]] = [pool.submit(stop, scope, http, *pair) for pair in wanted]
    eventually(lambda: scope.call("streams.waiting_stops") == [["s1", "A"], ["s1", "B"], ["s2", "A"]])
    scope.call("streams.hold_stops", hold=False, readers=["B"])
    assert stops[2].result().status_code == 200
    assert scope.call("streams.waiting_stops") == [["s1", "A"], ["s2", "A"]]
    scope.call("streams.set_catalogue", streams=["s1"])
    assert stops[1].result().status_code == 404  # the stream is gone: that acknowledges as well
    scope.call("streams.hold_stops", hold=False)
    assert stops[0].result().status_code == 200
    [released] = [e for e in scope.events("stops-released") if e["readers"] is None]
    [acknowledged] = scope.wait_for("stop-acknowledged", reader="A")
    assert acknowledged.t >= released.t


def test_only_named_readers_are_held(scope: OpenScope, http: httpx.Client) -> None:
    scope.call("streams.set_catalogue", streams=["s1"])
    scope.call("streams.hold_stops", hold=True, readers=["A"])
    give_up(scope, reader="A")
    give_up(scope, reader="B")
    assert stop(scope, http, reader="B").status_code == 200
    with pytest.raises(httpx.ReadTimeout):
        http.delete(f"{scope.url}/streams/s1/readers/A", timeout=0.1)
    scope.wait_for("stop-abandoned", reader="A")
    assert scope.call("streams.waiting_stops") == []
    scope.call("streams.hold_stops", hold=False, readers=["A"])
    assert stop(scope, http, reader="A").status_code == 200


def test_a_stop_that_changes_nothing_is_not_held(scope: OpenScope, http: httpx.Client) -> None:
    scope.call("streams.set_catalogue", streams=["s1"])
    give_up(scope)
    assert stop(scope, http).status_code == 200
    scope.call("streams.hold_stops", hold=True)
    assert stop(scope, http).status_code == 200  # again
    assert stop(scope, http, reader="B").status_code == 200  # never read it
    assert scope.call("streams.waiting_stops") == []


def test_removing_a_stream_ends_its_readings(scope: OpenScope, http: httpx.Client, pool: ThreadPoolExecutor) -> None:
    scope.call("streams.set_catalogue", streams=["s1", "s2"])
    next_segment(scope, http, "s1")
    held = [pool.submit(next_segment, scope, http, stream) for stream in ("s1", "s2")]
    scope.wait_for("read-started", count=2)
    scope.call("streams.set_catalogue", streams=["s2"])
    assert held[0].result().status_code == 404
    assert held[1].result().status_code == 200
    assert [e["how"] for e in scope.events("read-stopped") if e["stream"] == "s1"] == ["removed"]
    assert next_segment(scope, http, "s1").status_code == 404


def test_hundreds_of_readers_at_once(scope: OpenScope) -> None:
    """Raw sockets, since the clients must cost less than what is tested: every request is answered with a later segment."""
    streams = [f"s{i:03d}" for i in range(500)]
    scope.call("streams.set_catalogue", streams=streams)
    host, port = scope.url.removeprefix("http://").split("/")[0].split(":")

    async def read(stream: str) -> list[int]:
        reader, writer = await asyncio.open_connection(host, int(port))
        numbers = []
        for _ in range(2):
            writer.write(f"GET /{scope.name}/streams/{stream}/segments/next HTTP/1.1\r\nHost: {LISTEN}\r\nX-Reader: A\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            numbers.append(int(re.findall(rb"x-segment: (\d+)", head, re.IGNORECASE)[0]))
            await reader.readexactly(int(re.findall(rb"content-length: (\d+)", head, re.IGNORECASE)[0]))
        writer.close()
        return numbers

    async def read_all() -> list[list[int]]:
        return await asyncio.gather(*(read(stream) for stream in streams))

    for numbers in asyncio.run(read_all()):
        assert numbers[0] < numbers[1]
    assert len(scope.events("read-started")) == 500
