"""`GET /v1/revocations`: the snapshot, and what follows it."""

import gzip
import io
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.feed import snapshot as module
from api.feed.limits import FeedLimits
from revocation.errors import FeedBroken
from revocation.feed import decode_snapshot
from revocation.memory import MemoryRegistry
from revocation.record import Revocation, State, Subject, shard_of
from revocation.redis import RedisRegistry, connect
from revocation.registry import Registry
from tests.api.following import SNAPSHOT, Follower, answer_of, asking, snapshot, states, told
from tests.api.registries import Losing
from tests.api.running import NOW, NOWHERE, TYPE, Running, entry, running
from tests.servers.process import until

ROWS = module.ROWS
PLAIN = {"Accept-Encoding": "identity"}


def text(api: Running, encoding: str = "identity") -> httpx.Response:
    """The answer to one who takes that encoding."""
    return api.http.get(SNAPSHOT, headers={"Accept-Encoding": encoding}).raise_for_status()


def test_a_snapshot_is_everything(fresh: Running) -> None:
    """Header, entries, tombstones too, and an end line; the header says where it stands and how old it is."""
    fresh.refuse(entry("s1"), entry("s2"))
    fresh.registry.release([entry("s2").subject], NOW, "ann")
    until(lambda: fresh.seq == 3, "the replica follows", seconds=5)
    whole = snapshot(fresh.http)

    assert {"type": "snapshot", "epoch": "e1", "seq": 3, "cursor": "e1:3", "count": 2, "at": NOW, "age_ms": 0} == (
        whole.header
    )
    assert {"family-s1": "revoked", "family-s2": "released"} == {one["id"]: one["state"] for one in whole.entries}


def test_a_snapshot_is_the_feeds(fresh: Running) -> None:
    """The library's own decoder reads what the API answers."""
    fresh.refuse(*(entry(f"s{n}") for n in range(3 * ROWS)))
    heard = decode_snapshot(io.BytesIO(text(fresh).content))

    assert states(fresh.registry) == {
        (one.subject.scope.value, one.subject.digest.hex()): one.state.slug for one in heard.entries
    }


def test_a_registry_without_entries_has_a_snapshot(fresh: Running) -> None:
    """Nothing at all is told whole, too."""
    assert ([], "e1:0") == ((whole := snapshot(fresh.http)).entries, whole.header["cursor"])


@pytest.mark.parametrize("encoding", ["gzip", "deflate, gzip;q=0.5", "*", "x-gzip"])
def test_a_snapshot_is_compressed(fresh: Running, encoding: str) -> None:
    """Who reads gzip is sent one member, which any reader of gzip understands, and the same text as without."""
    fresh.refuse(*(entry(f"s{n}") for n in range(3 * ROWS)))
    with fresh.http.stream("GET", SNAPSHOT, headers={"Accept-Encoding": encoding}) as answer:
        raw = b"".join(answer.iter_raw())

    assert ("gzip", "accept-encoding", len(raw)) == (
        answer.headers["content-encoding"],
        answer.headers["vary"],
        int(answer.headers["content-length"]),
    )
    assert text(fresh).content == gzip.decompress(raw)


@pytest.mark.parametrize("encoding", ["identity", "br", "gzip;q=0", "gzip; q=0.0", ""])
def test_a_snapshot_is_plain_for_others(fresh: Running, encoding: str) -> None:
    """Who does not read gzip is sent text, of a length that is told."""
    fresh.refuse(entry("s1"))
    answer = text(fresh, encoding)

    assert (False, len(answer.content), ["family-s1"]) == (
        "content-encoding" in answer.headers,
        int(answer.headers["content-length"]),
        told(answer.content).ids,
    )


@pytest.mark.parametrize("lines", range(4))
def test_a_snapshot_that_is_cut_off_is_none(fresh: Running, lines: int) -> None:
    """Without its end line it is refused, wherever it was cut."""
    fresh.refuse(entry("s1"), entry("s2"))
    kept = text(fresh).content.splitlines(keepends=True)[:lines]

    with pytest.raises(FeedBroken):
        decode_snapshot(io.BytesIO(b"".join(kept)))


def test_everyone_who_asks_at_once_gets_the_same() -> None:
    """Snapshots are shared for a short time: fifty readers at once are sent the bytes that were made once."""
    with running(feed=FeedLimits(snapshot_share_s=60)) as api:
        api.refuse(*(entry(f"s{n}") for n in range(3 * ROWS)))
        readers = [asking(api, SNAPSHOT) for _ in range(50)]
        answers = {answer_of(reader) for reader in readers}
        api.refuse(entry("later"))
        again = text(api).content
        for reader in readers:
            reader.close()

    assert {again} == answers


def test_a_snapshot_is_made_anew() -> None:
    """After its time, who asks is told what is so then."""
    with running(feed=FeedLimits(snapshot_share_s=0)) as api:
        before = snapshot(api.http).ids
        api.refuse(entry("s1"))

        assert ([], ["family-s1"]) == (before, snapshot(api.http).ids)


def test_a_snapshot_of_a_lost_past_is_not_shared() -> None:
    """When the registry has lost its data, a snapshot from before is not sent any more, however young."""
    registry = Losing("e1")
    with running(registry, feed=FeedLimits(snapshot_share_s=60)) as api:
        snapshot(api.http)
        registry.lose("e2")
        until(lambda: api.followers.resyncs > 0 and api.replica.position is not None, "the follower notices", seconds=5)
        until(lambda: snapshot(api.http).header["epoch"] == "e2", "the new epoch's snapshot", seconds=5)


def test_too_many_readers_of_a_snapshot_are_turned_away() -> None:
    """More than the bound are told to come again."""
    with running(feed=FeedLimits(snapshot_readers=1)) as api:
        _fill(api)
        with asking(api, SNAPSHOT, 4096):
            until(lambda: 'readers{kind="snapshot"} 1' in api.http.get("/metrics").text, "the first reads", seconds=10)
            answer = api.http.get(SNAPSHOT)

    assert (503, "1", TYPE + "busy") == (answer.status_code, answer.headers["retry-after"], answer.json()["type"])


def test_snapshots_in_memory_are_bounded() -> None:
    """While two are being read, a third is not made: who asks is sent the newest, as long as it can be gone on from."""
    registry = Losing("e1")
    with running(registry, feed=FeedLimits(snapshot_share_s=0)) as api:
        _fill(api)
        with asking(api, SNAPSHOT, 4096) as first:
            first.recv(1)
            api.refuse(entry("later"))
            with asking(api, SNAPSHOT, 4096) as second:
                second.recv(1)
                api.refuse(entry("latest"))
                newest = snapshot(api.http)
                registry.lose("e2")
                until(lambda: api.http.get(SNAPSHOT).status_code == 503, "none can be gone on from", seconds=10)

    assert "e1:8001" == newest.header["cursor"]


def _fill(api: Running) -> None:
    """Entries that make more than the kernel takes for a reader that does not read."""
    api.refuse(*(entry(f"s{n}", reasons=("reuse." + "x" * 1000,)) for n in range(8000)))


def test_nothing_is_sent_before_the_first_snapshot() -> None:
    """An empty snapshot would say that nobody is refused."""
    with connect(NOWHERE) as client, running(RedisRegistry(client), ready=False) as api:
        answer = api.http.get(SNAPSHOT)

    assert (503, TYPE + "not_ready") == (answer.status_code, answer.json()["type"])


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH"])
def test_the_whole_is_read_and_added_to(api: Running, method: str) -> None:
    """The path is read, and posted to by whoever decides something; there is nothing else to do with all entries."""
    answer = api.http.request(method, SNAPSHOT)

    assert (405, "GET, HEAD, POST") == (answer.status_code, answer.headers["allow"])


def test_head_makes_no_snapshot(api: Running) -> None:
    """HEAD says what would come, at once."""
    answer = api.http.head(SNAPSHOT)

    assert (200, b"", "application/x-ndjson") == (answer.status_code, answer.content, answer.headers["content-type"])


Step = tuple[str, int]
STEPS = st.lists(st.tuples(st.sampled_from(["revoke", "quarantine", "release"]), st.integers(0, 9)), max_size=30)
MOMENTS = count(1)


@pytest.fixture(scope="module")
def shared() -> Iterator[Running]:
    """An API over two shards with so many entries that a snapshot takes several slices."""
    shards = [MemoryRegistry("a"), MemoryRegistry("b")]
    with running(shards=shards, feed=FeedLimits(changes=1000, snapshot_share_s=0)) as api:
        api.tell(*(entry(f"before{n}") for n in range(8 * ROWS)))
        until(lambda: api.seq == 8 * ROWS, "the replica follows", seconds=20)
        yield api


@given(before=STEPS, meanwhile=STEPS, after=STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_snapshot_and_the_changes_after_it_are_the_registry(
    shared: Running, before: list[Step], meanwhile: list[Step], after: list[Step]
) -> None:
    """Whatever changes before, while and after a snapshot is read: with the changes after it, it is the registry."""
    follower = Follower(shared.http)
    take(shared.shards, before)
    changing = threading.Thread(target=take, args=(shared.shards, meanwhile))
    changing.start()
    follower.load()
    changing.join()
    follower.catch_up()
    take(shared.shards, after)
    expected = states(*shared.shards)
    until(lambda: follower.catch_up(limit=7).states() == expected, "the reader follows", seconds=10)


def take(shards: Sequence[Registry], steps: list[Step]) -> None:
    """Do that to the registry, each step at a moment of its own."""
    for what, number in steps:
        made = decided(number, State.QUARANTINED if what == "quarantine" else State.REVOKED)
        shard = shards[shard_of(made.subject, len(shards))]
        if what == "release":
            shard.release([made.subject], made.decided_at, "ann")
        else:
            shard.apply([made], NOW)


def decided(number: int, state: State) -> Revocation:
    """A decision that is later than all before."""
    subject: Subject = entry(f"subject{number}").subject
    return Revocation(
        id=f"{number}",
        subject=subject,
        state=state,
        reasons=("manual",),
        decided_at=NOW + next(MOMENTS),
        expires_at=NOW + 10_000_000,
    )


def test_two_shards_are_one_feed() -> None:
    """A position names a place of each shard, and changes of both are told in one answer."""
    shards = [MemoryRegistry("a"), MemoryRegistry("b")]
    with running(shards=shards) as api, ThreadPoolExecutor(1) as pool:
        waits = pool.submit(httpx.get, f"{api.address.url}{SNAPSHOT}/changes?cursor=a:0,b:0&wait=20", timeout=30)
        api.tell(*(entry(f"s{n}") for n in range(20)))
        follower = Follower(api.http)
        follower.position = "a:0,b:0"
        until(lambda: len(follower.catch_up(limit=3).entries) == 20, "all are told", seconds=10)
        first = told(waits.result().content)

    assert ("a.b", True) == (first.header["epoch"], 0 < len(first.entries))
    assert states(*shards) == follower.states()
