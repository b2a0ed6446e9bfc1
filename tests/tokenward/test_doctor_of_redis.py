"""The doctor looks at the registry's Redis: does it keep what it is told, may we do our work, what lies there."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.revocation.entries import entry, subject
from tests.servers.cluster import redis_cluster
from tests.servers.redis import RedisServer, redis_server
from tests.servers.users import ADMIN, CONF, PASSWORD, READER, WRITER, users_file
from tokenward.doctor.finding import Finding
from tokenward.doctor.registry import examine_registry
from tokenward.redis_settings import RedisSettings
from tokenward.settings import Settings
from tokenward.wiring import registry_of

pytestmark = pytest.mark.redis


def of(server: RedisServer, **redis: object) -> Settings:
    """Settings that lead to the server."""
    return Settings(redis=RedisSettings.model_validate({"url": SecretStr(server.url), **redis}))


def states(findings: Iterable[Finding]) -> dict[str, list[str]]:
    """Name -> the states of its findings."""
    found: dict[str, list[str]] = {}
    for finding in findings:
        found.setdefault(finding.name, []).append(finding.state)
    return found


def said(findings: Iterable[Finding], name: str) -> str:
    """The sentences about one thing."""
    return " ".join(finding.sentence for finding in findings if finding.name == name)


@pytest.mark.parametrize(
    ("options", "state", "words"),
    [
        ((), "warn", "set appendonly yes"),
        (("--appendonly", "yes"), "ok", "loses about a second at most"),
        (("--appendonly", "yes", "--appendfsync", "always"), "ok", "loses nothing"),
        (("--appendonly", "yes", "--appendfsync", "no"), "warn", "set everysec, or always"),
    ],
)
def test_what_a_crash_would_lose_is_told(options: tuple[str, ...], state: str, words: str) -> None:
    """Persistence is looked at, and what each choice loses is said."""
    with redis_server(*options) as server:
        found = list(examine_registry(of(server)))

    assert [state] == states(found)["redis persistence"]
    assert words in said(found, "redis persistence")


def test_an_evicting_redis_fails() -> None:
    """Whoever is refused must not be forgotten for want of memory."""
    with redis_server("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru") as server:
        found = list(examine_registry(of(server)))

    assert ["fail"] == states(found)["redis memory"]


@pytest.mark.parametrize(("user", "state"), [(WRITER, "ok"), (READER, "warn")])
def test_the_shipped_files_suffice(tmp_path: Path, user: str, state: str) -> None:
    """With deploy/redis the doctor is content, whichever user he is; that a reader cannot write is said."""
    shipped = ("--include", str(CONF), "--aclfile", users_file(tmp_path))
    with redis_server(*shipped, username=ADMIN, password=PASSWORD) as server:
        found = states(examine_registry(of(server, username=user, password=PASSWORD)))

    well = {name: ["ok"] for name in ("redis", "clock", "redis memory", "redis persistence", "registry")}
    assert {**well, "redis rights": [state]} == found


def test_another_number_of_shards_is_noticed() -> None:
    """A registry that lies there in another number of parts is asked by nobody: what to do is said."""
    with redis_server() as server:
        registry_of(of(server)).apply([entry(subject())], 0)
        found = list(examine_registry(of(server, shards=3)))

    assert ["ok", "warn"] == states(found)["registry"]
    assert "run `tokenward rebuild`, then delete keys {tokenward:0}:*" in said(found, "registry")


@pytest.mark.slow
def test_a_cluster_is_looked_at() -> None:
    """All slots are served; that no primary has a replica, and that one has no shard, is said."""
    with redis_cluster() as servers:
        nodes = [f"{host}:{port}" for host, port in servers.nodes]
        settings = Settings(redis=RedisSettings.model_validate({"mode": "cluster", "nodes": nodes, "shards": 2}))
        found = states(examine_registry(settings))

    assert (["ok"] * 3, ["ok", "warn"], ["warn"]) == (found["redis"], found["redis cluster"], found["redis replicas"])


def test_what_is_not_there_is_said_once() -> None:
    """Without any node, one finding says so, without the password."""
    redis = {"mode": "cluster", "nodes": ["127.0.0.1:1"], "username": "ann", "password": PASSWORD}
    found = list(examine_registry(Settings(redis=RedisSettings.model_validate(redis))))

    assert {"redis": ["fail"]} == states(found)
    assert PASSWORD not in json.dumps([finding.sentence for finding in found])
