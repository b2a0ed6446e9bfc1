"""`GET /v1/revocations/changes`."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from api.feed.limits import FeedLimits
from revocation.feed import decode_changes
from revocation.memory import MemoryRegistry
from revocation.record import Position
from revocation.redis import RedisRegistry, connect
from tests.api.following import CHANGES, answer_of, asking, changes, told
from tests.api.registries import Failing, Late, Losing
from tests.api.running import HOUR, NOW, NOWHERE, TYPE, Running, entry, running
from tests.servers.process import until


def waiting(api: Running) -> float:
    """How many polls wait."""
    text = api.http.get("/metrics").text
    return float(next(line.split()[1] for line in text.splitlines() if 'readers{kind="poll"}' in line))


def known(api: Running, seq: int) -> None:
    """Wait until the feed has the change: the replica has it a moment earlier."""
    until(lambda: bool(changes(api.http, f"e1:{seq - 1}").entries), "the feed follows", seconds=5)


def test_changes_come_with_their_numbers(fresh: Running) -> None:
    """What came after a position is told line by line, with the position to ask next and how old all of it is."""
    fresh.refuse(entry("s1"), entry("s2"))
    known(fresh, 2)
    answer = changes(fresh.http, "e1:0")

    assert {"type": "changes", "epoch": "e1", "seq": 0, "cursor": "e1:0", "count": 2, "at": NOW, "age_ms": 0} == (
        answer.header
    )
    assert ([1, 2], "e1:2") == ([one["seq"] for one in answer.entries], answer.end["cursor"])


def test_changes_are_the_feeds(fresh: Running) -> None:
    """The library's own decoder reads what the API answers."""
    fresh.refuse(entry("s1"))
    known(fresh, 1)
    answer = fresh.http.get(CHANGES, params={"cursor": "e1:0"}).content
    heard = decode_changes(answer, Position.parse("e1:0"))

    assert (["family-s1"], "e1:1") == ([change.entry.id for change in heard.changes], str(heard.position))


def test_a_page_is_as_long_as_is_asked(fresh: Running) -> None:
    """`limit` bounds an answer, and its position goes just so far."""
    fresh.refuse(*(entry(f"s{n}") for n in range(5)))
    known(fresh, 5)
    answer = changes(fresh.http, "e1:1", limit=3)

    assert ([2, 3, 4], "e1:4") == ([one["seq"] for one in answer.entries], answer.end["cursor"])


def test_nothing_new_is_said_at_once(fresh: Running) -> None:
    """Without `wait`, an answer without changes keeps the position."""
    answer = changes(fresh.http, "e1:0")

    assert ([], "e1:0") == (answer.entries, answer.end["cursor"])


def test_a_wait_ends(fresh: Running) -> None:
    """A poll that waits is answered when its time is over."""
    assert [] == changes(fresh.http, "e1:0", wait=0.05).entries


def test_one_change_wakes_all_who_wait(fresh: Running) -> None:
    """Two hundred readers that wait are all answered with the one change that comes."""

    with ExitStack() as stack:
        readers = [stack.enter_context(asking(fresh, f"{CHANGES}?cursor=e1:0&wait=20")) for _ in range(200)]
        until(lambda: waiting(fresh) == 200, "all of them wait", seconds=20)
        fresh.registry.apply([entry("s1")], NOW)

        assert [["family-s1"]] * 200 == [told(answer_of(reader)).ids for reader in readers]


def test_a_reader_that_leaves_is_noticed(fresh: Running) -> None:
    """A connection that is closed while its poll waits takes no reader's place any more."""
    with pytest.raises(httpx.ReadTimeout):
        fresh.http.get(CHANGES, params={"cursor": "e1:0", "wait": 30}, timeout=0.3)

    until(lambda: waiting(fresh) == 0, "nobody waits", seconds=5)


def test_too_many_readers_are_turned_away() -> None:
    """More than the bound do not wait; they are told to come again."""
    with running(feed=FeedLimits(readers=1)) as api, ThreadPoolExecutor(1) as pool:
        first = pool.submit(httpx.get, api.address.url + CHANGES, params={"cursor": "e1:0", "wait": "20"})
        until(lambda: waiting(api) == 1, "the first waits", seconds=5)
        second = api.http.get(CHANGES, params={"cursor": "e1:0", "wait": 20})
        api.registry.apply([entry("s1")], NOW)

        assert (200, 503, "1", TYPE + "busy") == (
            first.result().status_code,
            second.status_code,
            second.headers["retry-after"],
            second.json()["type"],
        )


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("", "cursor"),
        ("cursor=", "cursor"),
        ("cursor=secret-value", "cursor"),
        ("cursor=e1:x", "cursor"),
        ("cursor=e1:-1", "cursor"),
        ("cursor=e%0A1:0", "cursor"),
        ("cursor=%C3%A9:0", "cursor"),
        ("cursor=" + "e" * 4096 + ":0", "cursor"),
        ("cursor=e1:0&wait=31", "wait"),
        ("cursor=e1:0&wait=-1", "wait"),
        ("cursor=e1:0&wait=secret-value", "wait"),
        ("cursor=e1:0&wait=1e1", "wait"),
        ("cursor=e1:0&limit=0", "limit"),
        ("cursor=e1:0&limit=10001", "limit"),
        ("cursor=e1:0&limit=secret-value", "limit"),
        ("cursor=e1:0&replica=", "replica"),
        ("cursor=e1:0&replica=secret%20value", "replica"),
        ("cursor=e1:0&replica=" + "x" * 65, "replica"),
    ],
)
def test_a_wrong_query_is_a_bad_request(api: Running, query: str, parameter: str) -> None:
    """What cannot be meant is refused by the parameter's name, and not repeated."""
    answer = api.http.get(f"{CHANGES}?{query}")

    assert (400, TYPE + "bad_request", [parameter], False) == (
        answer.status_code,
        answer.json()["type"],
        [error["parameter"] for error in answer.json()["errors"]],
        "secret" in answer.text,
    )


@pytest.mark.parametrize("query", ["&".join(["cursor=e1:0"] * 17), "cursor=e1:0&x=\xff"])
def test_a_query_that_cannot_be_read_is_a_bad_request(api: Running, query: str) -> None:
    """Too many parameters, and bytes that no query has, are refused as a whole."""
    answer = api.exchange(f"GET {CHANGES}?{query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode("latin-1"))

    assert b"HTTP/1.1 400" == answer[:12]


@pytest.mark.parametrize("cursor", ["e0:0", "e1:1", "e1:99999999999999999999", "e1:0,e1:0"])
def test_a_position_of_another_past_needs_a_snapshot(api: Running, cursor: str) -> None:
    """Another epoch, a place that never was, another number of shards: there is no way from there but a snapshot."""
    answer = api.http.get(CHANGES, params={"cursor": cursor, "wait": 20})

    assert (410, TYPE + "resync") == (answer.status_code, answer.json()["type"])


def test_what_is_forgotten_is_read_from_the_registry() -> None:
    """A position older than this process remembers is served from the registry, page by page, to the present."""
    registry = MemoryRegistry("e1")
    registry.apply([entry(f"s{n}") for n in range(600)], NOW)
    with running(registry) as api:
        pages = [changes(api.http, "e1:0")]
        while pages[-1].entries:
            pages.append(changes(api.http, pages[-1].end["cursor"]))

        assert list(range(1, 601)) == [one["seq"] for page in pages for one in page.entries]


def test_what_the_registry_has_forgotten_needs_a_snapshot() -> None:
    """Where the registry has trimmed what came next, too, the reader is sent for a snapshot, and that is counted."""
    registry = MemoryRegistry("e1", retained=2)
    registry.apply([entry(f"s{n}") for n in range(5)], NOW)
    with running(registry) as api:
        answer = api.http.get(CHANGES, params={"cursor": "e1:1"})
        seen = api.http.get("/metrics").text

    assert (410, True) == (answer.status_code, "tokenward_feed_resyncs_total 1.0" in seen)


def test_a_restarted_api_goes_on_from_its_readers_positions() -> None:
    """Readers carry their positions over an API's restart, and need no snapshot."""
    registry = MemoryRegistry("e1")
    with running(registry) as first:
        first.refuse(entry("s1"))
        known(first, 1)
        position = changes(first.http, "e1:0").end["cursor"]
    registry.apply([entry("s2")], NOW)
    with running(registry) as second:
        answer = changes(second.http, position)

    assert ["family-s2"] == answer.ids


def test_a_reader_that_is_ahead_waits_for_this_process() -> None:
    """A position that another process of the API has told is good here, before this one has heard of it."""
    registry = Late("e1")
    with running(registry) as api, ThreadPoolExecutor(1) as pool:
        registry.holding.set()
        registry.apply([entry("s1")], NOW)
        answer = pool.submit(httpx.get, api.address.url + CHANGES, params={"cursor": "e1:1", "wait": "20"}, timeout=30)
        until(lambda: waiting(api) == 1, "the reader waits", seconds=5)
        registry.apply([entry("s2")], NOW)
        registry.holding.clear()

        assert ["family-s2"] == told(answer.result().content).ids


def test_a_reader_of_a_lost_past_is_sent_for_a_snapshot() -> None:
    """Who waits when the registry loses its data is told at once, not when the wait is over."""
    registry = Losing("e1")
    with running(registry) as api, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(httpx.get, api.address.url + CHANGES, params={"cursor": "e1:0", "wait": "20"}, timeout=30)
        until(lambda: waiting(api) == 1, "the reader waits", seconds=5)
        registry.lose("e2")

        assert 410 == answer.result().status_code


def test_a_registry_that_does_not_answer_is_said_so() -> None:
    """Where only the registry could tell what came after a position, the reader keeps it and comes again."""
    registry = Failing("e1")
    registry.apply([entry("s1")], NOW)
    with running(registry) as api:
        registry.failing.set()
        answer = api.http.get(CHANGES, params={"cursor": "e1:0"})

    assert (503, "1", TYPE + "registry_unavailable") == (
        answer.status_code,
        answer.headers["retry-after"],
        answer.json()["type"],
    )


def test_writes_that_a_failover_lost_need_a_snapshot() -> None:
    """Who has seen changes that a registry of the same epoch no longer has is sent for a snapshot."""
    registry = Losing("e1")
    with running(registry) as api, ThreadPoolExecutor(1) as pool:
        api.refuse(entry("s1"), entry("s2"))
        known(api, 2)
        answer = pool.submit(httpx.get, api.address.url + CHANGES, params={"cursor": "e1:2", "wait": "20"}, timeout=30)
        until(lambda: waiting(api) == 1, "the reader waits", seconds=5)
        registry.lose("e1")

        assert 410 == answer.result().status_code


def test_nothing_is_told_before_the_first_snapshot() -> None:
    """Without a snapshot of the registry there is no position."""
    with connect(NOWHERE) as client, running(RedisRegistry(client), ready=False) as api:
        answer = api.http.get(CHANGES, params={"cursor": "e1:0"})

    assert (503, TYPE + "not_ready") == (answer.status_code, answer.json()["type"])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_changes_are_only_read(api: Running, method: str) -> None:
    """Another method is refused with those that there are."""
    answer = api.http.request(method, CHANGES)

    assert (405, "GET, HEAD") == (answer.status_code, answer.headers["allow"])


def test_head_waits_for_nothing(api: Running) -> None:
    """HEAD says what GET would say at once, and acknowledges nothing."""
    answer = api.http.head(CHANGES, params={"cursor": "e1:0", "wait": 30, "replica": "head"})
    names = [one["name"] for one in api.http.get("/v1/revocations/replicas").json()["replicas"]]

    assert (200, b"", "application/x-ndjson", False) == (
        answer.status_code,
        answer.content,
        answer.headers["content-type"],
        "head" in names,
    )


def test_ended_entries_are_told_too(fresh: Running) -> None:
    """A change is told as it was made; whether it has ended is for the reader to see."""
    fresh.refuse(entry("s1", expires_at=NOW + HOUR))
    known(fresh, 1)

    assert NOW + HOUR == changes(fresh.http, "e1:0").entries[0]["expires_at"]
