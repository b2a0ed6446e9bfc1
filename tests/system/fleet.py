"""Gateways for the checker: replicas of Redis, a real `tokenward api` asked over HTTP, and a client that follows it."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from revocation.claims import Claims
from revocation.connections import Link
from revocation.followers import Followers
from revocation.record import Change, Revocation, shard_of
from revocation.redis import RedisRegistry
from revocation.replica import Replica
from revocation.shards import Shards
from tests.revocation.entries import ISS, KEY, entry, subject
from tests.rig import clock
from tests.servers.process import end, free_port, until
from tests.system.checker import Checker, Gateway
from tests.tokenward.command import start
from tokenward import client

REPLICAS = 3
LIFE_MS = 3_600_000
HTTP_SECONDS = 2.0
HTTP_PAUSE = 0.02

Connect = Callable[[], Link]


def registry(link: Link, shards: int) -> Shards:
    """The registry there, under the house's names."""
    return Shards([RedisRegistry(link, "tokenward", number, shards) for number in range(shards)])


def decision(name: str) -> Revocation:
    """A family that is revoked from now on for an hour."""
    now = clock()
    return entry(subject(name), id=f"d-{name}", decided_at=now, expires_at=now + LIFE_MS)


def names_of(shard: int, shards: int, prefix: str, count: int) -> list[str]:
    """So many names of families of one shard."""
    names = (f"{prefix}{number}" for number in range(1_000))
    return [name for name in names if shard_of(subject(name), shards) == shard][:count]


class Fleet:
    """Gateways that follow one registry, a writer, and the checker that watches them."""

    def __init__(self, writer: Shards, followers: list[Followers], gateways: list[Gateway]) -> None:
        self.writer = writer
        self.followers = followers
        self._ends: dict[str, int] = {}
        self.checker = Checker(gateways, self._ends)

    def revoke(self, *names: str) -> list[Change]:
        """Decide, once; raises as the registry does."""
        decided = [decision(name) for name in names]
        changes = self.writer.apply(decided, clock())
        self._ends |= {name: each.expires_at for name, each in zip(names, decided, strict=True)}
        return changes

    def refuse(self, *names: str) -> list[Change]:
        """Decide, and wait until every gateway says so."""
        changes = self.revoke(*names)
        self.checker.until_denied(*names)
        return changes

    @property
    def resyncs(self) -> set[int]:
        """How often the replicas had to read all anew."""
        return {each.resyncs for each in self.followers}


@contextmanager
def fleet(connect: Connect, settings: Mapping[str, str], folder: Path, shards: int = 1) -> Iterator[Fleet]:
    """Yield three replicas, an API process and a client of it that follow, and are watched until the block ends.

    `connect` makes a way to Redis for each of the replicas and for the writer; `settings` tell it the API.
    """
    with ExitStack() as stack:

        def linked() -> Shards:
            link = connect()
            stack.callback(link.close)
            return registry(link, shards)

        writer = linked()
        for shard in writer.shards:
            shard.release([subject("nobody")], clock(), "nobody")  # names its epoch
        port = stack.enter_context(_api(settings, folder, shards))
        over_http = [stack.enter_context(_asked_over_http(port)), stack.enter_context(_following_over_http(port))]
        replicas = [Replica(KEY, shards) for _ in range(REPLICAS)]
        followers = [Followers(linked(), replica, clock, wait_ms=200, longest_pause=0.5) for replica in replicas]
        for following in followers:
            stack.enter_context(following)
            assert following.wait_ready(20)
        gateways = [Gateway(f"replica {number}", _asked(replica)) for number, replica in enumerate(replicas)]
        watched = Fleet(writer, followers, [*gateways, *over_http])
        until(lambda: over_http[0].ask("nobody") is not None, "the API")
        with watched.checker.watching():
            yield watched


def _asked(replica: Replica) -> Callable[[str], str | None]:
    return lambda name: str(replica.check(Claims(iss=ISS, sid=name), clock()).decision)


@contextmanager
def _api(settings: Mapping[str, str], folder: Path, shards: int) -> Iterator[int]:
    port = free_port()
    own = {"DIGEST_KEY": KEY.decode(), "API__PORT": str(port), "REDIS__SHARDS": str(shards), "REDIS__TIMEOUT_S": "1"}
    own |= {"ACCESS__MODE": "open"}
    place = folder / "api"
    place.mkdir()
    named = {f"TOKENWARD_{name}": value for name, value in own.items()}
    process = start("api", folder=place, settings={**named, **settings})
    try:
        yield port
    finally:
        end(process)


@contextmanager
def _asked_over_http(port: int) -> Iterator[Gateway]:
    with httpx.Client(timeout=HTTP_SECONDS) as asker:

        def ask(name: str) -> str | None:
            try:
                answer = asker.post(f"http://127.0.0.1:{port}/v1/check", json={"iss": ISS, "sid": name})
                return str(answer.json()["decision"]) if answer.is_success else None
            except httpx.TransportError:
                return None

        yield Gateway("api", ask, HTTP_PAUSE)


@contextmanager
def _following_over_http(port: int) -> Iterator[Gateway]:
    """The client that an application embeds."""
    with client.Replica(f"http://127.0.0.1:{port}", KEY, name="fleet") as replica:
        yield Gateway("client", lambda name: str(replica.check(Claims(iss=ISS, sid=name)).decision))


def nodes_as_json(nodes: list[tuple[str, int]]) -> str:
    """Nodes as the setting `redis.nodes` has them in the environment."""
    return json.dumps([f"{host}:{port}" for host, port in nodes])
