"""What only the registry in Redis does; what every registry does is in tests/laws/test_registry.py."""

from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from revocation.errors import CursorLost, RegistryUnavailable
from revocation.layout import field_of
from revocation.record import Cursor
from revocation.redis import CHUNK, SCAN, RedisRegistry, connect
from revocation.registry import Registry
from tests.revocation.entries import entry, subject
from tests.servers.process import free_port, until
from tests.servers.redis import Connect, RedisServer, find_redis_server, oldest_redis_server, redis_server

pytestmark = pytest.mark.redis

PASSWORD = "pa55w0rd"  # noqa: S105 - of a server that lives for one test
CALLS: dict[str, Callable[[Registry], object]] = {
    "apply": lambda registry: registry.apply([entry()], 0),
    "release": lambda registry: registry.release([subject()], 0, "ann"),
    "find": lambda registry: registry.find([subject()], 0),
    "expire": lambda registry: registry.expire(0),
    "changes": lambda registry: registry.changes(Cursor("epoch", 0), wait_ms=10),
    "snapshot": lambda registry: list(registry.snapshot().entries),
}


def said(registry: Registry, call: str) -> str:
    """The sentence with which a call says that the registry is unavailable."""
    with pytest.raises(RegistryUnavailable) as caught:
        CALLS[call](registry)
    assert caught.value.__cause__ is None
    return str(caught.value)


@pytest.mark.parametrize("call", CALLS)
def test_absent_redis_is_unavailable(call: str, redis_client: Connect) -> None:
    """Every call to a Redis that is not there says so in one sentence that does not hold the address."""
    registry = RedisRegistry(redis_client(f"redis://:{PASSWORD}@127.0.0.1:{free_port()}/0"))

    assert said(registry, call) == "Redis cannot be reached."


@pytest.mark.parametrize("call", CALLS)
def test_wrong_password_is_unavailable(call: str, redis_client: Connect) -> None:
    """A Redis that refuses the password says that, without the password."""
    with redis_server() as server:
        with server.client() as client:
            client.config_set("requirepass", "another")
        registry = RedisRegistry(redis_client(server.url.replace("//", f"//:{PASSWORD}@")))

        assert said(registry, call) == "Redis refuses the credentials."


def test_full_redis_is_unavailable(redis_client: Connect) -> None:
    """A Redis without memory takes no decisions but still forgets, and takes them when it has memory again."""
    with redis_server() as server, server.client() as client:
        registry = RedisRegistry(redis_client(server.url))
        registry.apply([entry(subject("old"))], 0)
        client.config_set("maxmemory", 1)
        sentence = said(registry, "apply")
        forgotten = registry.expire(100_000)
        client.config_set("maxmemory", 0)
        registry.apply([entry()], 0)

    assert ("Redis is out of memory and takes no more decisions.", 1) == (sentence, forgotten)


def test_replica_of_redis_only_answers(redis_client: Connect) -> None:
    """A read-only replica is followed and asked like its primary, but takes no decisions."""
    with redis_server("--repl-diskless-sync-delay", "0") as primary:
        change = RedisRegistry(redis_client(primary.url)).apply([entry()], 0)
        with redis_server("--replicaof", "127.0.0.1", str(primary.port)) as server, server.client() as client:
            _until_synced(client)
            registry = RedisRegistry(redis_client(server.url))
            sentence = said(registry, "apply")
            snapshot = registry.snapshot()

            assert sentence == "This Redis is a read-only replica; only its primary takes decisions."
            assert [entry()] == list(snapshot.entries)
            assert change == registry.changes(Cursor(snapshot.cursor.epoch, 0))


def _until_synced(client: Redis) -> None:
    until(lambda: client.info("replication")["master_link_status"] == "up", "the replica's first copy")


@pytest.mark.parametrize("program", [find_redis_server, oldest_redis_server])
def test_a_promoted_replica_names_another_epoch(redis_client: Connect, program: Callable[[], str]) -> None:
    """Its numbers may have been given out before: the first write to it, not the first read, breaks with the past."""
    with redis_server("--repl-diskless-sync-delay", "0", program=program()) as primary:
        old = RedisRegistry(redis_client(primary.url))
        changes = old.apply([entry()], 0)
        with (
            redis_server("--replicaof", "127.0.0.1", str(primary.port), program=program()) as server,
            server.client() as client,
        ):
            _until_synced(client)
            client.replicaof("NO", "ONE")
            registry = RedisRegistry(redis_client(server.url))
            cursors = [old.snapshot().cursor, registry.snapshot().cursor]
            known = registry.changes(Cursor(cursors[0].epoch, 0))
            written = registry.apply([entry(subject("bob")), entry(subject("eve"))], 0)
            after = registry.snapshot().cursor

    assert (changes, cursors[0]) == (known, cursors[1])
    assert ([2, 3], 3, False) == ([change.seq for change in written], after.seq, after.epoch == cursors[0].epoch)


def test_a_snapshot_of_two_servers_is_none(redis_client: Connect) -> None:
    """Where another server takes over while entries are read, their order is another, and the reader is told."""
    with redis_server("--appendonly", "yes", "--appendfsync", "always") as server:
        registry = RedisRegistry(redis_client(server.url))
        registry.apply([entry(subject(str(number))) for number in range(3 * SCAN)], 0)
        entries = registry.snapshot().entries
        next(entries)
        server.kill()
        server.start()

        with pytest.raises(RegistryUnavailable, match="took over"):
            list(entries)


def test_slow_redis_is_unavailable(redis_url: str, redis_client: Connect) -> None:
    """A Redis that is busy for longer than the client's patience did not answer in time."""
    registry = RedisRegistry(redis_client(redis_url, timeout=0.1))
    with Redis.from_url(redis_url) as client:
        client.client_pause(400)

        assert said(registry, "find") == "Redis did not answer in time."


def test_forbidden_command_is_unavailable(redis_client: Connect) -> None:
    """A user whom Redis permits nothing is told so."""
    with redis_server() as server, server.client() as client:
        client.execute_command("ACL", "SETUSER", "guest", "on", ">guest", "~*", "-@all")
        registry = RedisRegistry(redis_client(server.url.replace("//", "//guest:guest@")))

        assert said(registry, "find") == "Redis does not permit this user what the registry needs."


def test_any_other_refusal_is_unavailable(redis_url: str, redis_client: Connect) -> None:
    """A key of another type in the registry's place is a refusal too, not a crash."""
    with Redis.from_url(redis_url) as client:
        client.set("{tokenward:0}:entries", "?")

    assert said(RedisRegistry(redis_client(redis_url)), "apply") == "Redis refused what was asked."


def test_unreadable_entry_is_unavailable(redis_url: str, redis_client: Connect) -> None:
    """An entry that this version cannot read is not passed over in silence."""
    with Redis.from_url(redis_url) as client:
        client.hset("{tokenward:0}:entries", field_of(subject()), "?")

    with pytest.raises(RegistryUnavailable, match="cannot read"):
        RedisRegistry(redis_client(redis_url)).find([subject()], 0)


def test_scripts_come_back_after_a_restart(shared_redis: RedisServer, redis_url: str, redis_client: Connect) -> None:
    """A Redis that has forgotten the scripts, as after a failover, is given them again."""
    registry = RedisRegistry(redis_client(redis_url))
    registry.apply([entry(subject("ann"))], 0)
    with shared_redis.client() as client:
        client.script_flush()

    assert [2] == [change.seq for change in registry.apply([entry(subject("bob"))], 0)]


def test_lost_data_gives_another_epoch(redis_client: Connect) -> None:
    """A Redis that was killed and came back empty is usable at once, and no old cursor fits."""
    with redis_server() as server:
        registry = RedisRegistry(redis_client(server.url))
        registry.apply([entry()], 0)
        before = registry.snapshot().cursor
        server.kill()
        server.start()
        registry.apply([entry()], 0)

        with pytest.raises(CursorLost):
            registry.changes(before)
        assert before.epoch != registry.snapshot().cursor.epoch


def test_data_survives_where_it_is_persisted(redis_client: Connect) -> None:
    """With an append-only file a killed Redis comes back with all; the first write after it names another epoch."""
    with redis_server("--appendonly", "yes", "--appendfsync", "always") as server:
        registry = RedisRegistry(redis_client(server.url))
        registry.release([subject()], 0, "ann")
        before = registry.snapshot().cursor
        changes = registry.apply([entry()], 0)
        server.kill()
        server.start()
        kept = registry.changes(before)
        registry.apply([entry(subject("later"))], 0)

        assert changes == kept
        with pytest.raises(CursorLost):
            registry.changes(before)


def test_only_who_writes_names_the_epoch(redis_url: str, redis_client: Connect) -> None:
    """Reading an empty registry writes nothing; the first writer names the epoch, though he changes nothing."""
    client = redis_client(redis_url)
    registry = RedisRegistry(client, new_epoch=lambda: "first")
    before = registry.snapshot().cursor
    keys = list(client.scan_iter())
    registry.release([subject()], 0, "ann")
    after = RedisRegistry(client, new_epoch=lambda: "second").snapshot().cursor

    assert (Cursor("new", 0), [], Cursor("first", 0)) == (before, keys, after)


def test_shards_do_not_meet(redis_url: str, redis_client: Connect) -> None:
    """Two shards, two numbers of shards and two prefixes are different registries, each shard in a slot of its own."""
    client: Any = redis_client(redis_url)
    RedisRegistry(client, shard=0, shards=2).apply([entry()], 0)
    others = [
        RedisRegistry(client, shard=1, shards=2),
        RedisRegistry(client),
        RedisRegistry(client, shard=0, shards=3),
        RedisRegistry(client, prefix="other", shard=0, shards=2),
    ]

    assert [[None]] * 4 == [registry.find([subject()], 0) for registry in others]
    assert {b"{tokenward:0of2}"} == {key.rpartition(b":")[0] for key in client.scan_iter()}


def test_old_changes_are_trimmed(redis_url: str, redis_client: Connect) -> None:
    """The stream stays near `retained`; a cursor before what is left is lost, one at its edge is not."""
    registry = RedisRegistry(redis_client(redis_url), retained=100)
    registry.release([subject()], 0, "ann")
    cursor = registry.snapshot().cursor
    for start in range(0, 1_000, 50):
        registry.apply([entry(subject(str(n))) for n in range(start, start + 50)], 0)
    with Redis.from_url(redis_url) as client:
        kept = client.xlen("{tokenward:0}:changes")

    assert 100 <= kept <= 200
    assert 1_000 - kept + 1 == registry.changes(Cursor(cursor.epoch, 1_000 - kept))[0].seq
    with pytest.raises(CursorLost):
        registry.changes(Cursor(cursor.epoch, 1_000 - kept - 1))


def test_long_lists_go_in_chunks(redis_url: str, redis_client: Connect) -> None:
    """A list longer than a chunk is applied, found and released whole and in order."""
    registry = RedisRegistry(redis_client(redis_url))
    names = [str(n) for n in range(2 * CHUNK + 1)]
    applied = registry.apply([entry(subject(name)) for name in names], 0)
    found = registry.find([subject(name) for name in names], 0)
    released = registry.release([subject(name) for name in names], 2_000, "ann")

    assert [subject(name) for name in names] == [change.entry.subject for change in applied]
    assert [change.entry for change in applied] == found
    assert list(range(len(names) + 1, 2 * len(names) + 1)) == [change.seq for change in released]


@pytest.mark.parametrize("options", [{"socket_timeout": None}, {"socket_timeout": 1, "decode_responses": True}])
def test_unsuitable_clients_are_refused(options: dict[str, Any]) -> None:
    """A client that may wait for ever, or that does not answer in bytes, is not taken."""
    with pytest.raises(ValueError, match="finite socket_timeout"):
        RedisRegistry(Redis(**options))


@pytest.mark.parametrize("url", ["http://127.0.0.1", f"redis://:{PASSWORD}/x@127.0.0.1:6379", "redis://h:port"])
def test_bad_address_is_not_quoted(url: str) -> None:
    """An address that is not one of Redis is refused in a sentence that does not hold it."""
    with pytest.raises(ValueError, match="form redis://") as caught:
        connect(url)

    assert (PASSWORD[:3] in str(caught.value), caught.value.__cause__) == (False, None)
