"""Redis fails in every known way: no gateway forgets whom it refused, and all learn what is decided next."""

import resource
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from revocation.connections import Access, Link, standalone
from revocation.errors import RegistryUnavailable
from revocation.redis import slot_of
from tests.rig import clock
from tests.servers.cluster import redis_cluster
from tests.servers.kafka import create_topics
from tests.servers.process import until
from tests.servers.redis import RedisServer, cut_off, redis_server
from tests.servers.sentinels import SERVICE, SentinelSet, sentinel_set
from tests.streams import fresh
from tests.system.fleet import Fleet, decision, fleet, names_of, nodes_as_json, registry
from tests.tokenward.command import tokenward
from tokenward import changelog
from tokenward.settings import read_settings

pytestmark = [pytest.mark.redis, pytest.mark.slow]

LOST = [f"lost{number}" for number in range(3)]
LATER = [f"later{number}" for number in range(6)]
"""More than were lost, so that numbers which replicas have seen already are given out again."""
TIGHT = 96 * 1024
LIMITED = ("/bin/sh", "-c", f"trap '' XFSZ; ulimit -S -f {TIGHT // 512}; exec \"$@\"", "sh")
"""Writing more than that into one file fails, as on a full disk."""


def insist(call: Callable[[], object]) -> None:
    """Repeat what the registry does not take, as the worker does."""

    def taken() -> bool:
        try:
            call()
        except RegistryUnavailable:
            return False
        return True

    until(taken, "the registry takes it")


def one(server: RedisServer) -> Callable[[], Link]:
    """Ways to one server."""
    return lambda: standalone(server.url, Access(timeout=1.0))


def of_one(server: RedisServer) -> dict[str, str]:
    """The settings that lead there."""
    return {"TOKENWARD_REDIS__URL": server.url}


def of_sentinels(servers: SentinelSet) -> dict[str, str]:
    """The settings that lead to the set's primary."""
    return {
        "TOKENWARD_REDIS__MODE": "sentinel",
        "TOKENWARD_REDIS__NODES": nodes_as_json(servers.nodes),
        "TOKENWARD_REDIS__SENTINEL_SERVICE": SERVICE,
    }


def epoch(link: Link, shard: int = 0, shards: int = 1) -> str:
    """The epoch that one shard has now."""
    return registry(link, shards).shards[shard].snapshot().cursor.epoch


def held(link: Link, *names: str) -> list[bool]:
    """Of each family, whether the registry has its entry."""
    (shard,) = registry(link, 1).shards
    ids = {entry.id for entry in shard.snapshot().entries}
    return [decision(name).id in ids for name in names]


def test_sentinels_fail_over(tmp_path: Path) -> None:
    """The primary dies, its replica has everything: gateways go on refusing, and hear of what is decided next."""
    with sentinel_set() as servers, fleet(servers.link, of_sentinels(servers), tmp_path) as gateways:
        gateways.refuse("before")
        servers.fail_over()
        insist(partial(gateways.revoke, "after"))
        gateways.checker.until_denied("before", "after")

        assert [True, True] == held(servers.link(), "before", "after")


def test_a_promoted_replica_lacks_the_last_writes(tmp_path: Path) -> None:
    """Numbers are given out a second time: the first write names another epoch, and no gateway misses a decision."""
    with sentinel_set() as servers, fleet(servers.link, of_sentinels(servers), tmp_path) as gateways:
        gateways.refuse("kept")
        cut_off(servers.primary)
        gateways.refuse(*LOST)
        before = epoch(servers.link())
        servers.fail_over()
        insist(partial(gateways.revoke, *LATER))
        gateways.checker.until_denied("kept", *LOST, *LATER)

        assert before != epoch(servers.link())
        assert [True, False, True] == held(servers.link(), "kept", LOST[0], LATER[0])
        assert 0 not in gateways.resyncs


def test_a_cluster_fails_over(tmp_path: Path) -> None:
    """A shard's primary dies with its last writes: the others keep their epochs, and all hear of all that follows."""
    shards, struck = 3, 1
    slot = slot_of("tokenward", struck, shards)
    lost, later = (names_of(struck, shards, prefix, count) for prefix, count in (("lost", 3), ("later", 6)))
    elsewhere = names_of(0, shards, "elsewhere", 2)
    with redis_cluster(replicated=True) as servers:
        settings = {"TOKENWARD_REDIS__MODE": "cluster", "TOKENWARD_REDIS__NODES": nodes_as_json(servers.nodes)}
        with fleet(servers.link, settings, tmp_path, shards) as gateways:
            gateways.refuse(*names_of(struck, shards, "kept", 1))
            cut_off(servers.pair_of(slot)[0])
            gateways.refuse(*lost)
            before = [epoch(servers.link(), number, shards) for number in range(shards)]
            servers.fail_over(slot)
            insist(partial(gateways.revoke, *elsewhere, *later))
            gateways.checker.until_denied(*names_of(struck, shards, "kept", 1), *lost, *elsewhere, *later)

            after = [epoch(servers.link(), number, shards) for number in range(shards)]
            assert [False, True, False] == [old != new for old, new in zip(before, after, strict=True)]


def test_everything_is_flushed(tmp_path: Path) -> None:
    """FLUSHALL empties the registry under the gateways: they refuse whom they refused, and hear of what comes next."""
    with redis_server() as server, fleet(one(server), of_one(server), tmp_path) as gateways:
        gateways.refuse(*LOST)
        with server.client() as client:
            client.flushall()
        gateways.refuse(*LATER)
        gateways.checker.until_denied(*LOST, *LATER)

        assert [False, True] == held(one(server)(), LOST[0], LATER[0])


def test_the_disk_is_full(tmp_path: Path) -> None:
    """A Redis that cannot write takes no decisions and says why; gateways go on; with room again it takes them."""
    options = ("--appendonly", "yes", "--appendfsync", "everysec")
    with redis_server(*options, wrapper=LIMITED) as server, fleet(one(server), of_one(server), tmp_path) as gateways:
        gateways.refuse("before")
        said = fill(gateways)
        gateways.checker.until_denied("before")
        server.limit(resource.RLIMIT_FSIZE, resource.RLIM_INFINITY)
        insist(partial(gateways.revoke, "after"))
        gateways.checker.until_denied("before", "after")

    assert "Redis cannot write to its disk and takes no more decisions." == said
    assert {0} == gateways.resyncs


def fill(gateways: Fleet) -> str:
    """Decide until Redis takes no more; returns what is said then."""
    said: list[str] = []
    numbers = count()

    def full() -> bool:
        try:
            gateways.writer.apply([decision(f"filling{next(numbers)}") for _ in range(100)], clock())
        except RegistryUnavailable as error:
            said.append(str(error))
        return bool(said)

    until(full, "the disk is full")
    return said[0]


def test_redis_is_slow(tmp_path: Path) -> None:
    """A Redis that answers nobody for seconds: gateways go on, and afterwards nothing had to be read anew."""
    with redis_server() as server, fleet(one(server), of_one(server), tmp_path) as gateways:
        gateways.refuse("before")
        server.halt()
        try:
            until(lambda: all(each.failures for each in gateways.followers), "the replicas notice")
            gateways.checker.until_denied("before")
        finally:
            server.resume()
        insist(partial(gateways.revoke, "after"))
        gateways.checker.until_denied("before", "after")

    assert {0} == gateways.resyncs


@pytest.mark.kafka
def test_an_empty_redis_is_rebuilt_under_the_gateways(tmp_path: Path, kafka_bootstrap: str) -> None:
    """Killed and back without its data, Redis is filled from the topic; meanwhile and afterwards nobody passes."""
    topic = fresh("revocations")
    create_topics(kafka_bootstrap, {topic: 2}, {"cleanup.policy": "compact"})
    with ExitStack() as stack:
        server = stack.enter_context(redis_server())
        environ = {
            **of_one(server),
            "TOKENWARD_KAFKA__BOOTSTRAP_SERVERS": kafka_bootstrap,
            "TOKENWARD_TOPICS__REVOCATIONS": topic,
            "TOKENWARD_AUDIT__MODE": "off",
        }
        gateways = stack.enter_context(fleet(one(server), of_one(server), tmp_path))
        changelog.tell(read_settings(environ=environ), gateways.refuse(*LOST))
        server.kill()
        server.start()
        empty = held(one(server)(), *LOST)
        done = tokenward("rebuild", folder=tmp_path, settings=environ)
        gateways.refuse(*LATER)
        gateways.checker.until_denied(*LOST, *LATER)

        assert (0, [False] * 3) == (done.returncode, empty)
        assert [True] * 3 == held(one(server)(), *LOST)
