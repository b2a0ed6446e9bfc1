"""The thread that keeps a replica equal to its registry."""

import itertools
from collections.abc import Iterator

import pytest

from revocation.follower import PAGE, Follower
from revocation.memory import MemoryRegistry
from revocation.record import Revocation
from revocation.redis import RedisRegistry
from revocation.registry import Snapshot
from revocation.replica import Claims, Replica
from tests.revocation.entries import ISS, KEY, entry, subject
from tests.servers.process import until
from tests.servers.redis import Connect, redis_server

NOW = 50_000
WAIT_MS = 50


def denies(replica: Replica, *names: str) -> bool:
    """Whether tokens of all these families are denied."""
    return all(replica.check(Claims(iss=ISS, sid=name), NOW).decision == "deny" for name in names)


class BusyRegistry(MemoryRegistry):
    """A registry to which decisions come while a snapshot of it is read."""

    def snapshot(self) -> Snapshot:
        """As the port says."""
        snapshot = super().snapshot()

        def entries() -> Iterator[Revocation]:
            yield from snapshot.entries
            self.apply([entry(subject(f"busy{n}")) for n in range(2 * PAGE)], 0)

        return Snapshot(snapshot.cursor, entries())


class EndlessRegistry(MemoryRegistry):
    """A registry so large that its snapshot takes for ever."""

    def snapshot(self) -> Snapshot:
        """As the port says."""
        return Snapshot(super().snapshot().cursor, itertools.repeat(entry()))


def test_follows_what_was_and_what_comes() -> None:
    """What was decided before the start, and what is decided and released later, shows in the replica."""
    registry, replica = MemoryRegistry("epoch"), Replica(KEY)
    registry.apply([entry(subject("before"))], 0)
    with Follower(registry, replica, lambda: NOW, wait_ms=WAIT_MS) as follower:
        assert follower.wait_ready(10)
        assert denies(replica, "before")
        registry.apply([entry(subject("later"))], 0)
        until(lambda: denies(replica, "later"), "the later decision")
        registry.release([subject("before")], NOW, "ann")
        until(lambda: not denies(replica, "before"), "the release")

    assert (True, False, 0, 0) == (follower.ready, follower.alive, follower.resyncs, follower.failures)


def test_silence_is_news() -> None:
    """A registry that answers that nothing has changed keeps the replica fresh."""
    ticks = itertools.count(1)
    replica = Replica(KEY)
    with Follower(MemoryRegistry("epoch"), replica, lambda: next(ticks), wait_ms=WAIT_MS):
        until(lambda: replica.fresh_at > 1, "a second word of the registry")

    assert 0 == len(replica)


def test_snapshot_of_a_busy_registry_is_whole() -> None:
    """The replica is ready only when it also knows the pages of changes that came while the snapshot was read."""
    registry, replica = BusyRegistry("epoch"), Replica(KEY)
    with Follower(registry, replica, lambda: NOW, wait_ms=WAIT_MS) as follower:
        assert follower.wait_ready(10)

        assert 2 * PAGE == len(replica)


def test_stops_in_the_middle_of_a_snapshot() -> None:
    """Stopping does not wait for a large snapshot to end."""
    follower = Follower(EndlessRegistry("epoch"), Replica(KEY), lambda: NOW)
    follower.start()
    follower.stop(patience=2)

    assert (False, False) == (follower.alive, follower.ready)


def test_stops_without_having_started() -> None:
    """A follower that never ran can be stopped."""
    follower = Follower(MemoryRegistry("epoch"), Replica(KEY), lambda: NOW)
    follower.stop()

    assert not follower.alive


@pytest.mark.redis
def test_lost_past_is_read_again(redis_url: str, redis_client: Connect) -> None:
    """When Redis loses its data, the replica learns what is there now, and keeps what it knew; a resync is counted."""
    client, replica = redis_client(redis_url), Replica(KEY)
    registry = RedisRegistry(client)
    registry.apply([entry(subject("lost"))], 0)
    with Follower(registry, replica, lambda: NOW, wait_ms=WAIT_MS) as follower:
        assert follower.wait_ready(10)
        assert denies(replica, "lost")
        client.flushall()
        registry.apply([entry(subject("new"))], 0)
        until(lambda: denies(replica, "new"), "the resync")

    assert (1, True) == (follower.resyncs, denies(replica, "lost"))


@pytest.mark.redis
def test_absent_registry_leaves_known_bad_bad(redis_client: Connect) -> None:
    """While Redis is away, what is known stays, and the trouble shows; at its first write after that, all is read."""
    with redis_server("--appendonly", "yes", "--appendfsync", "always") as server:
        registry, replica = RedisRegistry(redis_client(server.url)), Replica(KEY)
        registry.apply([entry(subject("known"))], 0)
        with Follower(registry, replica, lambda: NOW, wait_ms=WAIT_MS, longest_pause=0.1) as follower:
            assert follower.wait_ready(10)
            server.kill()
            until(lambda: follower.failures >= 2, "a second failure")
            assert (True, True) == (denies(replica, "known"), follower.ready)
            assert follower.trouble is not None
            server.start()
            registry.apply([entry(subject("later"))], 0)
            until(lambda: denies(replica, "known", "later"), "the decision after the restart")
            until(lambda: follower.trouble is None, "the end of the trouble")

    assert 1 == follower.resyncs


@pytest.mark.redis
def test_late_registry_makes_ready_late(redis_client: Connect) -> None:
    """A follower that starts before its Redis is ready when Redis is."""
    with redis_server() as server:
        server.stop()
        registry, replica = RedisRegistry(redis_client(server.url)), Replica(KEY)
        with Follower(registry, replica, lambda: NOW, wait_ms=WAIT_MS, longest_pause=0.1) as follower:
            until(lambda: follower.failures >= 1, "a failure")
            before = follower.ready
            server.start()

            assert (False, True) == (before, follower.wait_ready(10))
