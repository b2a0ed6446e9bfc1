"""What the doctor sees in Redis: whether it answers, keeps what it is told, lets us do our work; what lies there."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from redis import Redis
from redis.exceptions import RedisClusterException, RedisError, ResponseError

from revocation.connections import Link, sentence_of
from revocation.errors import RegistryError
from revocation.record import Position
from revocation.redis import slot_of
from revocation.rights import rights_of
from tokenward.doctor.finding import Finding, fail, ok, warn
from tokenward.faults import Failure
from tokenward.redis_settings import MOST_SHARDS
from tokenward.settings import Settings
from tokenward.wiring import redis_of, registry_of

MOST_SKEW_MS = 1_000
"""Clocks further apart than this make entries end early or late, and lags wrong."""
LEAST_REDIS = (6, 2)


def examine_registry(settings: Settings) -> Iterator[Finding]:
    """All that is found, as it comes; what cannot be reached is said once."""
    try:
        link = redis_of(settings)
        servers = link.servers()
        for server in servers:
            yield from _server(server)
        yield from _cluster(settings, link, servers)
        yield from _rights(settings, link)
        yield from _entries(settings, link)
    except (Failure, RegistryError, RedisError, RedisClusterException) as error:
        said = str(error) if isinstance(error, (Failure, RegistryError)) else sentence_of(error)
        yield fail("redis", f"{said} Look at redis in the settings, and whether it runs.")


def _server(server: Redis) -> Iterator[Finding]:
    said: Any = server.time()
    seconds, micros = said
    now = time.time_ns() // 1_000
    yield from _clock(now // 1000 - (int(seconds) * 1000 + int(micros) // 1000))
    about: dict[str, Any] = {**_info(server, "server"), **_info(server, "memory"), **_info(server, "persistence")}
    yield _version(str(about["redis_version"]))
    eviction = str(about.get("maxmemory_policy", "noeviction"))
    if eviction == "noeviction":
        yield ok("redis memory", "It evicts nothing.")
    else:
        yield fail("redis memory", f"maxmemory-policy is {eviction}: it would forget who is refused; set noeviction.")
    yield _persistence(about, _fsync(server))


def _info(server: Redis, section: str) -> dict[str, Any]:
    found: Any = server.info(section)
    return dict(found)


def _clock(skew_ms: int) -> Iterator[Finding]:
    if abs(skew_ms) > MOST_SKEW_MS:
        yield warn("clock", f"This machine and Redis' differ by {skew_ms / 1000:.1f} s; run NTP on both.")
    else:
        yield ok("clock", "This machine and Redis' agree.")


def _version(version: str) -> Finding:
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers < LEAST_REDIS:
        return fail("redis", f"It is Redis {version}; 6.2 is the oldest that works.")
    return ok("redis", f"Redis {version} answers.")


def _fsync(server: Redis) -> str | None:
    """When the append-only file reaches the disk; None: this user may not know."""
    try:
        found: Any = server.config_get("appendfsync")
    except ResponseError:
        return None
    return str(found.get("appendfsync", "")) or None


def _persistence(about: dict[str, Any], fsync: str | None) -> Finding:
    name = "redis persistence"
    if about.get("aof_last_write_status", "ok") != "ok" or about.get("rdb_last_bgsave_status", "ok") != "ok":
        return fail(
            name, "Its last write to the disk failed: it takes no more decisions; look at the disk and its log."
        )
    if not int(about.get("aof_enabled", 0)):
        return warn(
            name, "No append-only file: a restart loses entries, up to all; set appendonly yes (docs/redis.md)."
        )
    if fsync == "no":
        return warn(name, "appendfsync is no: a crash of the machine loses half a minute; set everysec, or always.")
    told = {"always": "a crash loses nothing", "everysec": "a crash loses about a second at most"}.get(fsync or "")
    return ok(name, f"Append-only file, appendfsync {fsync}: {told}." if told else "It has an append-only file.")


def _cluster(settings: Settings, link: Link, servers: Sequence[Redis]) -> Iterator[Finding]:
    """Whether all slots are served, and no shard hangs on one server."""
    if settings.redis.mode == "standalone":
        return
    alone = sum(not int(_info(server, "replication").get("connected_slaves", 0)) for server in servers)
    if settings.redis.mode == "cluster":
        whole: Any = link.client
        state = str(whole.cluster_info(target_nodes=whole.get_default_node()).get("cluster_state", "unknown"))
        if state != "ok":
            yield fail("redis cluster", f"Its state is {state}: not all slots are served; look at `CLUSTER NODES`.")
        else:
            yield ok("redis cluster", f"All slots are served, by {len(servers)} primaries.")
        if settings.redis.shards < len(servers):
            yield warn(
                "redis cluster",
                f"redis.shards is {settings.redis.shards}, so not each of {len(servers)} primaries has work.",
            )
    if alone:
        yield warn("redis replicas", f"{alone} of {len(servers)} primaries have no replica: nobody could take over.")
    else:
        yield ok("redis replicas", "Every primary has a replica that follows it.")


def _rights(settings: Settings, link: Link) -> Iterator[Finding]:
    missing = rights_of(link, f"{slot_of(settings.redis.prefix, 0, settings.redis.shards)}:meta")
    if missing is None:
        yield ok("redis rights", "This Redis does not tell what its users may; see deploy/redis/users.acl.")
    elif missing.reading:
        yield fail(
            "redis rights", f"This user lacks {', '.join(missing.reading)}, even to read; see deploy/redis/users.acl."
        )
    elif missing.writing:
        yield warn("redis rights", "This user may read only: enough for `api`, not for worker, origins and releases.")
    else:
        yield ok("redis rights", "This user may read and write the registry.")


def _entries(settings: Settings, link: Link) -> Iterator[Finding]:
    prefix, shards = settings.redis.prefix, settings.redis.shards
    position = Position(tuple(shard.snapshot().cursor for shard in registry_of(settings).shards))
    yield ok("registry", f"Epoch {position.epoch}, change {position.seq}.")
    others = [count for count in range(1, MOST_SHARDS + 1) if count != shards and _is_there(link, prefix, count)]
    for count in others:
        keys = f"{slot_of(prefix, 0, count)}:*"
        yield warn(
            "registry",
            f"One of {count} shards lies here too, which nobody asks: run `tokenward rebuild`, then delete keys {keys} "
            "and those of its other shards.",
        )


def _is_there(link: Link, prefix: str, shards: int) -> bool:
    return bool(link.client.exists(f"{slot_of(prefix, 0, shards)}:meta"))
