"""The followers of all shards, as one."""

import pytest

from revocation.errors import RegistryUnavailable
from revocation.followers import Followers
from revocation.memory import MemoryRegistry
from revocation.record import Position, shard_of
from revocation.registry import Snapshot
from revocation.replica import Claims, Replica
from revocation.shards import Shards
from tests.revocation.entries import ISS, KEY, entry, subject
from tests.servers.process import until

NOW = 50_000
NAMES = [f"s{number}" for number in range(12)]


class AbsentRegistry(MemoryRegistry):
    """A shard that has never answered."""

    def snapshot(self) -> Snapshot:
        """As the port says."""
        raise RegistryUnavailable("absent")


def test_all_shards_are_followed() -> None:
    """What is decided about subjects of any shard shows in the one replica, whose position names every shard."""
    registry = Shards([MemoryRegistry(f"e{number}") for number in range(3)])
    replica = Replica(KEY, 3)
    with Followers(registry, replica, lambda: NOW, wait_ms=50) as followers:
        assert followers.wait_ready(10)
        registry.apply([entry(subject(name)) for name in NAMES], 0)
        until(lambda: len(replica) == len(NAMES), "all decisions")
        state = (followers.ready, followers.alive, followers.resyncs, followers.failures, followers.trouble)

    assert (True, True, 0, 0, None) == state
    assert not followers.alive
    assert replica.position == Position(tuple(shard.snapshot().cursor for shard in registry.shards))


def test_a_shard_that_is_absent_holds_nobody_else_up() -> None:
    """The others are followed, the trouble is told, and ready it is only when each shard has been read."""
    registry = Shards([MemoryRegistry("e0"), AbsentRegistry("e1")])
    replica = Replica(KEY, 2)
    known = next(name for name in NAMES if shard_of(subject(name), 2) == 0)
    with Followers(registry, replica, lambda: NOW, wait_ms=50, longest_pause=0.1) as followers:
        until(lambda: followers.failures > 1, "a second failure")
        registry.shards[0].apply([entry(subject(known))], 0)
        until(lambda: replica.check(Claims(iss=ISS, sid=known), NOW).decision == "deny", "the decision")

        assert (False, "absent") == (followers.wait_ready(0), followers.trouble)


@pytest.mark.parametrize("shards", [1, 2])
def test_stops_without_having_started(shards: int) -> None:
    """Followers that never ran can be stopped."""
    followers = Followers(Shards([MemoryRegistry("e")] * shards), Replica(KEY, shards), lambda: NOW)
    followers.stop()

    assert not followers.alive


def test_whoever_made_changes_waits_until_they_are_followed() -> None:
    """In every shard; a shard that nobody follows is waited for no longer than said."""
    registry = Shards([MemoryRegistry(f"e{number}") for number in range(2)])
    replica = Replica(KEY, 2)
    followers = Followers(registry, replica, lambda: NOW, wait_ms=50)
    changes = registry.apply([entry(subject(name)) for name in NAMES], 0)
    before = followers.wait_for(changes, 0.01)
    with followers:
        after = followers.wait_for(changes, 10)

    assert (False, True, len(NAMES)) == (before, after, len(replica))
