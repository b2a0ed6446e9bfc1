"""`GET /v1/revocations/stream`."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice

import httpx
import pytest

from api.feed.limits import FeedLimits
from api.server import Limits
from revocation.memory import MemoryRegistry
from revocation.record import Revocation
from revocation.redis import RedisRegistry, connect
from tests.api.following import STREAM, Event, asking, streamed
from tests.api.registries import Failing, Losing
from tests.api.running import NOW, NOWHERE, TYPE, Running, entry, running
from tests.servers.process import until


def streaming(api: Running) -> float:
    """How many streams there are."""
    text = api.http.get("/metrics").text
    return float(next(line.split()[1] for line in text.splitlines() if 'readers{kind="stream"}' in line))


def changed(events: Iterator[Event], count: int) -> list[Event]:
    """The next changes, heartbeats left out."""
    return list(islice((event for event in events if event.kind == "change"), count))


def test_a_stream_begins_with_a_heartbeat(fresh: Running) -> None:
    """Without a position the stream begins now, and says where that is and how old all of it is."""
    with streamed(fresh.http) as events:
        assert Event("heartbeat", "e1:0", {"seq": 0, "at": NOW, "age_ms": 0}) == next(events)


def test_changes_are_streamed_as_they_come(fresh: Running) -> None:
    """Each change is an event, whose id is the position after it."""
    with streamed(fresh.http) as events:
        next(events)
        fresh.registry.apply([entry("s1"), entry("s2")], NOW)
        first, second = changed(events, 2)

    assert [("e1:1", "family-s1", 1), ("e1:2", "family-s2", 2)] == [
        (event.id, event.content["id"], event.content["seq"]) for event in (first, second)
    ]


@pytest.mark.parametrize(("cursor", "last"), [("e1:1", None), (None, "e1:1"), ("e1:0", "e1:1")])
def test_a_stream_goes_on_from_a_position(fresh: Running, cursor: str | None, last: str | None) -> None:
    """What came since is sent first; `Last-Event-ID`, which a browser sends when it comes again, goes first."""
    fresh.refuse(entry("s1"), entry("s2"))
    with streamed(fresh.http, cursor, last) as events:
        (event,) = changed(events, 1)

    assert "family-s2" == event.content["id"]


def test_heartbeats_go_on() -> None:
    """A stream without changes is not silent."""
    with running(feed=FeedLimits(heartbeat_s=0.05)) as api, streamed(api.http) as events:
        assert ["heartbeat"] * 3 == [event.kind for event in islice(events, 3)]


@pytest.mark.parametrize("cursor", ["e0:0", "e1:1", "e1:0,e1:0"])
def test_a_stream_of_another_past_says_so_and_ends(api: Running, cursor: str) -> None:
    """`resync` is an event, without an id: a browser that comes again is told the same."""
    with streamed(api.http, cursor) as events:
        assert [("resync", None)] == [(event.kind, event.id) for event in events]


def test_a_stream_that_is_overtaken_by_a_loss_says_so_and_ends() -> None:
    """When the registry loses its data, streams are sent for a snapshot at once."""
    registry = Losing("e1")
    with running(registry) as api, streamed(api.http) as events:
        next(events)
        registry.lose("e2")

        assert ["resync"] == [event.kind for event in events]


def test_a_slow_reader_goes_on_from_the_registry() -> None:
    """What a process keeps for its readers is bounded; one that is slower reads the rest from the registry."""
    registry = MemoryRegistry("e1")
    with running(registry, feed=FeedLimits(changes=10)) as api, streamed(api.http) as events:
        next(events)
        registry.apply([entry(f"s{n}") for n in range(2000)], NOW)
        seen = changed(events, 2000)

    assert list(range(1, 2001)) == [event.content["seq"] for event in seen]


def test_a_reader_that_is_slower_than_the_registry_remembers_is_sent_for_a_snapshot() -> None:
    """A reader that takes nothing falls behind all that is kept, and is told so when it reads on."""
    registry = MemoryRegistry("e1", retained=100)
    with running(registry, feed=FeedLimits(changes=10)) as api, _unread(api) as client:
        until(lambda: streaming(api) == 1, "the stream has begun", seconds=5)
        for n in range(200):
            api.refuse(*_long(n, 50))

        assert b"event: resync" in _rest(client)


def test_a_reader_that_takes_nothing_is_cut_off() -> None:
    """A full connection that nobody reads from is given up; it takes no reader's place any more."""
    with running(limits=Limits(untaken_seconds=0.2)) as api, _unread(api):
        until(lambda: streaming(api) == 1, "the stream has begun", seconds=5)
        for n in range(10):
            api.refuse(*_long(n, 1000))

        until(lambda: streaming(api) == 0, "the stream has ended", seconds=10)


def _unread(api: Running) -> socket.socket:
    """A connection with a small buffer that has asked for the stream, and from which nobody reads."""
    return asking(api, STREAM, 4096)


def _long(number: int, count: int) -> list[Revocation]:
    """Decisions whose lines are long, so that a few fill what the kernel takes for the reader."""
    return [entry(f"s{number}-{other}", reasons=("reuse." + "x" * 1000,)) for other in range(count)]


def _rest(client: socket.socket) -> bytes:
    """The end of what the server sends."""
    last = b""
    while part := client.recv(65536):
        last = (last + part)[-1000:]
        if last.endswith(b"0\r\n\r\n"):
            break
    return last


def test_a_stream_whose_reader_leaves_ends(fresh: Running) -> None:
    """A closed connection takes no reader's place any more."""
    with streamed(fresh.http) as events:
        next(events)

    until(lambda: streaming(fresh) == 0, "the stream has ended", seconds=5)


def test_a_stream_that_cannot_go_on_ends() -> None:
    """Where only the registry could tell what comes next, and does not answer, the client is left to come again."""
    registry = Failing("e1")
    with running(registry, feed=FeedLimits(changes=10)) as api, _unread(api) as client:
        until(lambda: streaming(api) == 1, "the stream has begun", seconds=5)
        api.refuse(*_long(0, 10_000))
        registry.failing.set()

        assert (True, False) == ((rest := _rest(client)).endswith(b"0\r\n\r\n"), b"resync" in rest)


def test_too_many_streams_are_turned_away() -> None:
    """Polls that wait and streams share one bound."""
    with running(feed=FeedLimits(readers=1)) as api, streamed(api.http) as events:
        next(events)
        answer = httpx.get(api.address.url + STREAM)

        assert (503, TYPE + "busy") == (answer.status_code, answer.json()["type"])


@pytest.mark.parametrize(
    ("parameters", "headers"), [({"cursor": "secret-value"}, {}), ({}, {"Last-Event-ID": "secret-value"})]
)
def test_a_wrong_position_is_a_bad_request(api: Running, parameters: dict[str, str], headers: dict[str, str]) -> None:
    """What is no position is refused before the stream begins, and not repeated."""
    answer = api.http.get(STREAM, params=parameters, headers=headers)

    assert (400, TYPE + "bad_request", False) == (answer.status_code, answer.json()["type"], "secret" in answer.text)


def test_nothing_is_streamed_before_the_first_snapshot() -> None:
    """Without a snapshot of the registry there is no position."""
    with connect(NOWHERE) as client, running(RedisRegistry(client), ready=False) as api:
        answer = api.http.get(STREAM)

    assert (503, TYPE + "not_ready") == (answer.status_code, answer.json()["type"])


def test_a_stream_is_passed_on_as_it_comes(api: Running) -> None:
    """Caches and proxies are asked not to keep it; HEAD says so without beginning a stream."""
    answer = api.http.head(STREAM)

    assert (200, "text/event-stream", "no-cache", "no") == (
        answer.status_code,
        answer.headers["content-type"],
        answer.headers["cache-control"],
        answer.headers["x-accel-buffering"],
    )


def test_a_stream_is_only_read(api: Running) -> None:
    """Another method is refused with those that there are."""
    answer = api.http.post(STREAM)

    assert (405, "GET, HEAD") == (answer.status_code, answer.headers["allow"])


def test_many_streams_hear_of_one_change(fresh: Running) -> None:
    """A hundred streams are all told of the one change that comes."""

    with ExitStack() as stack:
        readers = [stack.enter_context(asking(fresh, STREAM)) for _ in range(100)]
        until(lambda: streaming(fresh) == 100, "all streams have begun", seconds=20)
        fresh.registry.apply([entry("s1")], NOW)

        assert [b"id: e1:1\n"] * 100 == [_line_before(reader, b"event: change\n") for reader in readers]


def _line_before(connection: socket.socket, wanted: bytes) -> bytes:
    """The line before that one."""
    with connection.makefile("rb") as file:
        before = b""
        while (line := file.readline()) != wanted:
            before = line
        return before
