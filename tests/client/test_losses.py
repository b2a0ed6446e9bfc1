"""What a replica does when its servers, or what they say, get lost: what is known bad stays bad."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from revocation.memory import MemoryRegistry
from revocation.redis import RedisRegistry
from tests.api.running import KEY, NOW, Running, entry, running
from tests.client.between import (
    Fault,
    Reply,
    answering,
    between,
    cut_off,
    damaged,
    in_crumbs,
    of_another_type,
    shortened,
    untouched,
    without_the_end,
)
from tests.client.following import decision, denies, learns, when
from tests.servers.process import free_port, listens, start, until
from tests.servers.redis import Connect
from tokenward.client import Replica


@contextmanager
def served(redis_url: str, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """An API in a process of its own, killed at the end."""
    process = start([sys.executable, "-m", "tests.client.served", redis_url, str(port)], log)
    try:
        until(lambda: listens(port), f"the API: {log.read_text()[-500:]}")
        yield process
    finally:
        process.kill()
        process.wait(10)


@pytest.mark.slow
@pytest.mark.redis
def test_survives_the_server(redis_url: str, redis_client: Connect, tmp_path: Path) -> None:
    """While the server is dead what is known is answered and the trouble told; the next one is followed further."""
    registry, port = RedisRegistry(redis_client(redis_url)), free_port()
    registry.apply([entry("before")], NOW)
    replica = Replica(f"http://127.0.0.1:{port}", KEY)
    with replica:
        with served(redis_url, port, tmp_path / "log"):
            assert replica.wait_ready(30)
        when(lambda: replica.status.failures >= 2, "the failures")
        assert (True, "The feed's server cannot be reached, or broke the connection off.") == (
            denies(replica, "before"),
            replica.status.trouble,
        )
        registry.apply([entry("meanwhile")], NOW)
        with served(redis_url, port, tmp_path / "log"):
            until(lambda: denies(replica, "before", "meanwhile"), "the next server")
            when(lambda: replica.status.trouble is None, "the end of the trouble")

    assert 0 == replica.status.resyncs


def test_asks_the_next_server_when_one_dies(api: Running) -> None:
    """Of two servers the second is asked when the first breaks off, for what comes next and not for all anew."""
    with between(api.address) as second:
        with between(api.address) as first:
            replica = Replica([first.url, f"{second.url}/"], KEY)
            replica.start()
            assert replica.wait_ready(10)
            alone = list(second.asked)
        api.refuse(entry("later"))
        learns(replica, "later")
        replica.stop()

    assert ([], 0) == (alone, replica.status.resyncs)
    assert second.asked[0].startswith("/v1/revocations/changes?cursor=e1:0&wait=")


def test_asks_the_next_server_when_one_tells_nonsense(api: Running) -> None:
    """A server whose answers are not whole is left for the next."""
    api.refuse(entry("known"))
    with between(api.address) as broken:
        broken.fault = shortened
        with Replica([broken.url, api.address.url], KEY) as replica:
            learns(replica, "known")
            when(lambda: replica.ready, "the snapshot")

    assert (1, ["/v1/revocations"]) == (replica.status.failures, broken.asked)


def test_answers_may_come_in_crumbs(api: Running) -> None:
    """However an answer is cut into pieces on its way, it is whole in the end."""
    with between(api.address) as proxy, Replica(proxy.url, KEY) as replica:
        proxy.fault = in_crumbs
        api.refuse(*(entry(f"s{number}") for number in range(20)))
        learns(replica, "s0", "s19")

    assert 0 == replica.status.failures


def test_a_server_that_asks_for_a_rest_gets_it(api: Running) -> None:
    """After 503 with `Retry-After` the other server is asked, and that one not again until its rest is over."""
    with between(api.address) as resting, between(api.address) as other:
        resting.fault = answering(503, Retry_After="20")
        with Replica([resting.url, other.url], KEY) as replica:
            assert replica.wait_ready(10)
            other.fault = answering(500)
            api.refuse(entry("a"))
            when(lambda: replica.status.failures >= 4, "four failures")

    assert 1 == len(resting.asked)


def test_another_past_does_not_acquit() -> None:
    """A registry that lost its data has the replica take a snapshot; what it does not know any more stays refused."""
    with running() as api, between(api.address) as proxy, Replica(proxy.url, KEY) as replica:
        api.refuse(entry("lost"), entry("kept"))
        learns(replica, "lost", "kept")
        with running(MemoryRegistry("e2")) as emptied:
            emptied.refuse(entry("new"))
            proxy.upstream = emptied.address
            proxy.drop()
            learns(replica, "new")
            known = denies(replica, "lost", "kept")
            emptied.refuse(entry("lost"))
            emptied.registry.release([entry("lost").subject], NOW + 1, "ann")
            when(lambda: decision(replica, "lost") == "allow", "the release in the new past")

    assert (True, 1, "e2") == (known, replica.status.resyncs, replica.position and replica.position.epoch)


def test_another_number_of_shards_does_not_acquit(api: Running) -> None:
    """What was known from one shard is carried over when the registry has become three."""
    api.refuse(entry("old"))
    shards = [MemoryRegistry(f"n{number}") for number in range(3)]
    with between(api.address) as proxy, Replica(proxy.url, KEY) as replica:
        learns(replica, "old")
        with running(shards=shards) as sharded:
            sharded.tell(*(entry(f"s{number}") for number in range(9)))
            proxy.upstream = sharded.address
            proxy.drop()
            learns(replica, "old", *(f"s{number}" for number in range(9)))

            assert "n0.n1.n2" == (replica.position and replica.position.epoch)


@pytest.mark.parametrize(
    ("fault", "plain"),
    [
        *((fault, plain) for fault in (cut_off, shortened) for plain in (False, True)),
        # Their lines can be told apart in plain text only.
        (without_the_end, True),
        (damaged, True),
        (of_another_type, False),
        (answering(302, Location="/elsewhere"), False),
    ],
)
def test_a_bad_snapshot_is_never_applied(shared_api: Running, fault: Fault, plain: bool) -> None:
    """A snapshot that is cut off, damaged or none at all is counted and asked for again; nothing of it is used."""
    shared_api.refuse(*(entry(f"s{number}") for number in range(50)))
    with between(shared_api.address) as proxy:
        proxy.fault, proxy.plain = fault, plain
        with Replica(proxy.url, KEY) as replica:
            when(lambda: replica.status.failures >= 2, "two failures")
            seen = (replica.ready, replica.status.entries, replica.status.trouble is None)
            proxy.fault = untouched
            learns(replica, "s0", "s49")
            when(lambda: replica.ready, "the snapshot")

    assert (False, 0, False) == seen


@pytest.mark.parametrize("fault", [cut_off, shortened, without_the_end, damaged, of_another_type])
def test_bad_changes_are_never_applied(shared_api: Running, fault: Fault) -> None:
    """Changes that are cut off, damaged or none at all are asked for again, from where the last good ones ended."""
    good, bad = (f"{fault.__name__}-{word}" for word in ("good", "bad"))
    with between(shared_api.address) as proxy:
        proxy.plain = True
        with Replica(proxy.url, KEY) as replica:
            shared_api.refuse(entry(good))
            learns(replica, good)
            position = replica.status.position
            proxy.fault = fault
            shared_api.refuse(entry(bad))
            when(lambda: replica.status.failures >= 2, "two failures")
            seen = (decision(replica, good), decision(replica, bad), replica.status.position)
            proxy.fault = untouched
            learns(replica, good, bad)

    assert ("deny", "allow", position) == seen
    assert 0 == replica.status.resyncs


def test_snapshots_come_compressed(api: Running) -> None:
    """The replica says that it reads gzip where that saves something."""
    with between(api.address) as proxy:
        codings: list[str] = []

        def noting(reply: Reply) -> Reply:
            codings.append(f"{proxy.headers['Accept-Encoding']}>{reply.headers.get('content-encoding')}")
            return reply

        proxy.fault = noting
        with Replica(proxy.url, KEY) as replica:
            assert replica.wait_ready(10)

    assert ["gzip>gzip", "identity>None"] == codings[:2]


def test_age_grows_while_nothing_is_heard(api: Running) -> None:
    """A replica whose server says nothing becomes stale, and fresh with the next word; it denies all the while."""
    api.refuse(entry("known"))
    with between(api.address) as proxy, Replica(proxy.url, KEY, max_staleness_s=1) as replica:
        assert replica.wait_ready(10)
        assert not replica.stale
        proxy.speaks.clear()
        when(lambda: replica.stale, "that it is stale")
        seen = (denies(replica, "known"), replica.ready, (replica.age_ms or 0) > 1000)
        proxy.speaks.set()
        when(lambda: not replica.stale, "that it is fresh")

    assert (True, True, True) == seen


def test_age_is_the_servers_too() -> None:
    """A server that has not heard of the registry itself says so, and its replicas are as stale as it is."""
    moment = [NOW]
    with running(check_clock=lambda: moment[0]) as api, Replica(api.address.url, KEY, max_staleness_s=2) as replica:
        assert replica.wait_ready(10)
        fresh = replica.stale
        moment[0] += 60_000
        when(lambda: replica.stale, "the server's own age")

    assert (False, True) == (fresh, (replica.age_ms or 0) >= 60_000)


def test_entries_end_by_the_registrys_clock() -> None:
    """A gateway goes by the time that the feed tells, not by its own machine's, which may be hours ahead."""
    with running() as api, Replica(api.address.url, KEY) as replica:
        api.refuse(entry("short", expires_at=NOW + 600_000))
        learns(replica, "short")

        assert 0 <= replica.now - NOW < 600_000
