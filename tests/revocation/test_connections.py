"""Ways to Redis: users with the least they need, TLS, Sentinel and Cluster, and what is said when they fail."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from redis import Redis
from redis import exceptions as errors

from revocation.chain import Head
from revocation.connections import SENTENCES, Access, Link, cluster, sentence_of, standalone, through_sentinels
from revocation.errors import RegistryUnavailable
from revocation.heads import RedisHeads
from revocation.redis import RedisRegistry
from revocation.rights import Missing, rights_of
from tests.revocation.entries import entry, subject
from tests.revocation.test_redis import CALLS, said
from tests.servers.cluster import redis_cluster
from tests.servers.process import free_port, until
from tests.servers.redis import QUICK, RedisServer, follows, leads, redis_server
from tests.servers.sentinels import SERVICE, sentinel_set
from tests.servers.tls import Certificates, certificates, tls_server
from tests.servers.users import ADMIN, PASSWORD, READER, REPLICATION, TRAIL, WRITER, as_user, guarded_redis, users_file

pytestmark = pytest.mark.redis

FORBIDDEN = "Redis does not permit this user what the registry needs."
READING = ("find", "changes", "snapshot")


@contextmanager
def closing(link: Link) -> Iterator[Link]:
    """The link, closed afterwards."""
    try:
        yield link
    finally:
        link.close()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis with the users that we ship."""
    with guarded_redis(tmp_path_factory.mktemp("users")) as server:
        yield server


def test_writers_may_do_all_that_the_registry_does(guarded: RedisServer) -> None:
    """As the writer of users.acl, every call is answered."""
    with as_user(guarded, WRITER) as link:
        registry = RedisRegistry(link)
        registry.release([subject()], 0, "ann")
        cursor = registry.snapshot().cursor
        changes = registry.apply([entry()], 0)

        assert changes == registry.changes(cursor, wait_ms=1_000)
        assert [None, entry()] == registry.find([subject("nobody"), subject()], 0)
        assert 1 == registry.expire(10**6)


def test_readers_may_only_read(guarded: RedisServer) -> None:
    """As the reader of users.acl, what gateways need is answered, and nothing is written."""
    with as_user(guarded, WRITER) as writing, as_user(guarded, READER) as reading:
        (change,) = RedisRegistry(writing, "tokenward:read").apply([entry()], 0)
        registry = RedisRegistry(reading, "tokenward:read")
        cursor = registry.snapshot().cursor
        refused = {call: said(registry, call) for call in CALLS if call not in READING}

        assert dict.fromkeys(("apply", "release", "expire"), FORBIDDEN) == refused
        assert ([entry()], [entry()], []) == (
            list(registry.snapshot().entries),
            registry.find([subject()], 0),
            registry.changes(cursor, wait_ms=20),
        )
        assert 1 == change.seq


def test_who_writes_the_trail_alone_may_do_no_more(guarded: RedisServer) -> None:
    """As the user of `route`, heads of the trail are kept, and neither read nor written is who is refused."""
    with as_user(guarded, TRAIL) as link:
        heads, head = RedisHeads(link), Head(chain="route-1", number=1, hash="00")
        heads.put(head, 1)
        kept = [noted.head for noted in heads.all()]
        heads.forget([head])
        registry = RedisRegistry(link)

        assert ([head], []) == (kept, heads.all())
        assert dict.fromkeys(CALLS, FORBIDDEN) == {call: said(registry, call) for call in CALLS}


@pytest.mark.parametrize("user", [WRITER, READER, TRAIL])
@pytest.mark.parametrize("command", ["FLUSHALL", "KEYS *", "CONFIG GET requirepass", "GET other", "ACL LIST"])
def test_users_may_do_nothing_else(guarded: RedisServer, user: str, command: str) -> None:
    """What the registry does not need is not permitted, nor are keys of others."""
    with as_user(guarded, user) as link, pytest.raises(errors.NoPermissionError):
        cast("Any", link.client).execute_command(*command.split())


def test_rights_are_told(guarded: RedisServer) -> None:
    """What a user lacks is found without trying it: the writer nothing, the reader to write, another to follow, too."""
    writing = ["HGET", "HSET", "HDEL", "HINCRBY", "ZADD", "ZREM", "ZRANGEBYSCORE", "XADD", "SET", "PTTL"]
    writing += ["DEL", "HEXISTS", "HGETALL", "HLEN", "ZCARD", "ZRANGE", "ZSCORE", "ZREMRANGEBYRANK"]
    with guarded.client() as admin:
        half = (
            "half",
            "on",
            f">{PASSWORD}",
            "~{tokenward:*",
            "-@all",
            "+eval",
            "+evalsha",
            "+info",
            "+hmget",
            "+hello",
        )
        admin.execute_command("ACL", "SETUSER", *half)
    found = []
    for user in (WRITER, READER, "half"):
        with as_user(guarded, user) as link:
            found.append(rights_of(link, "{tokenward:0}:meta"))

    assert [Missing([], []), Missing([], writing), Missing(["HSCAN", "XRANGE", "XREAD", "GET"], writing)] == found


def test_replicas_log_in_as_their_user(guarded: RedisServer) -> None:
    """The user `replication` may do what a replica has to."""
    login = ("--masteruser", REPLICATION, "--masterauth", PASSWORD)
    with redis_server("--replicaof", "127.0.0.1", str(guarded.port), *login, *QUICK) as replica:
        until(lambda: follows(replica), "the replica's first copy")

        assert not leads(replica)


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates."""
    return certificates(tmp_path_factory.mktemp("pems"))


def test_tls_with_a_user(pems: Certificates, tmp_path: Path) -> None:
    """Over TLS, with a certificate of our own and an ACL user, the registry is as ever."""
    access = Access(
        username=WRITER, password=PASSWORD, cafile=pems.authority, certfile=pems.certificate, keyfile=pems.key
    )
    users = users_file(tmp_path)
    with (
        tls_server(pems, "--aclfile", users, username=ADMIN, password=PASSWORD) as server,
        closing(standalone(server.url.replace("redis:", "rediss:"), access)) as link,
    ):
        assert [1] == [change.seq for change in RedisRegistry(link).apply([entry()], 0)]


def test_a_certificate_of_others_is_not_trusted(pems: Certificates, tmp_path: Path) -> None:
    """A server whose certificate another authority signed is not spoken to, and the sentence says why."""
    own = Access(cafile=certificates(tmp_path).authority, certfile=pems.certificate, keyfile=pems.key)
    with tls_server(pems) as server, closing(standalone(server.url.replace("redis:", "rediss:"), own)) as link:
        sentence = said(RedisRegistry(link), "find")

    assert "The TLS connection to Redis fails; look at its certificate and at ours." == sentence


@pytest.mark.slow
def test_a_cluster_with_users(tmp_path: Path) -> None:
    """The shipped users suffice in a Cluster, too: shards on three primaries are written, found and followed."""
    users = ("--aclfile", users_file(tmp_path))
    with redis_cluster(*users, username=ADMIN, password=PASSWORD) as servers:
        links = [cluster(servers.nodes, Access(username=user, password=PASSWORD)) for user in (WRITER, READER)]
        with closing(links[0]) as writing, closing(links[1]) as reading:
            for shard in range(3):
                RedisRegistry(writing, shard=shard, shards=3).apply([entry()], 0)
            registries = [RedisRegistry(reading, shard=shard, shards=3) for shard in range(3)]
            found = [registry.find([subject()], 0) for registry in registries]
            cursors = [registry.snapshot().cursor for registry in registries]
            later = [registry.changes(cursor, wait_ms=20) for registry, cursor in zip(registries, cursors, strict=True)]

    assert ([[entry()]] * 3, [[]] * 3) == (found, later)


@pytest.mark.slow
def test_sentinels_with_a_password() -> None:
    """Sentinels may ask for a password of their own; without it no primary is found, and that is said."""
    with sentinel_set(password=PASSWORD) as servers:
        sentences = []
        for password in (PASSWORD, None):
            access = Access(timeout=2.0)
            link = through_sentinels(servers.nodes, SERVICE, access, Access(password=password))
            with closing(link):
                try:
                    sentences.append(str(RedisRegistry(link).find([subject()], 0)))
                except RegistryUnavailable as error:
                    sentences.append(str(error))

    assert ["[None]", "No sentinel names a primary at the moment."] == sentences


@pytest.mark.parametrize("call", CALLS)
def test_nobody_there(call: str) -> None:
    """Where neither sentinels nor nodes answer, every call says so in one sentence; asking again asks again."""
    nodes = [("127.0.0.1", free_port())]
    links = [through_sentinels(nodes, SERVICE, Access(), Access()), cluster(nodes, Access())]

    assert ["No sentinel names a primary at the moment.", "Redis cannot be reached."] == [
        said(RedisRegistry(link), call) for link in links
    ]


def test_a_server_that_is_no_cluster(redis_url: str) -> None:
    """A Cluster's client at a single server says that there is no Cluster."""
    port = int(redis_url.rpartition(":")[2].partition("/")[0])
    with closing(cluster([("127.0.0.1", port)], Access())) as link:
        assert "The Redis Cluster cannot be reached." == said(RedisRegistry(link), "find")


def test_every_error_of_redis_has_a_sentence() -> None:
    """Whatever redis-py raises, and whatever led to it, some line of the table fits; the first that does is taken."""
    inner = errors.AuthenticationError("of a user with a password")
    outer = errors.RedisClusterException("cannot be connected")
    outer.__cause__ = inner

    assert "Redis refuses the credentials." == sentence_of(outer)
    assert SENTENCES[-1][1] == sentence_of(errors.ResponseError("anything"))


def test_a_clients_address_is_not_shown() -> None:
    """What an error or a log could show of a way to Redis holds no password."""
    access = Access(username="ann", password=PASSWORD)

    assert PASSWORD not in repr(access)
    assert isinstance(standalone("redis://127.0.0.1/0", access).client, Redis)
