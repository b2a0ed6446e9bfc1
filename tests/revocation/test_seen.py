"""What was seen is remembered: by all processes, for a while, and not too much of it."""

from collections.abc import Callable, Iterator

import pytest

from revocation.connections import connect
from revocation.errors import RegistryUnavailable
from revocation.seen import MemorySeen, RedisSeen, Seen
from tests.revocation.entries import KEY
from tests.servers.redis import RedisServer, redis_server

IDP, OTHER = "https://idp.example/", "https://other.example/"
NOW = 1_000_000
Make = Callable[[int, int], Seen]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A Redis."""
    with redis_server() as server:
        yield server


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes an empty one that keeps so many milliseconds, and so many ids."""
    if request.param == "memory":
        return MemorySeen
    server: RedisServer = request.getfixturevalue("redis")
    with server.client() as client:
        client.flushall()
    return lambda kept_ms, most: RedisSeen(connect(server.url), KEY, kept_ms=kept_ms, most=most)


def test_an_id_is_known_once_it_was_added(make: Make) -> None:
    """Of its issuer alone: another one may use the same."""
    seen = make(1_000, 10)
    before = seen.knows(IDP, "j1", NOW)
    seen.add(IDP, "j1", NOW)
    seen.add(IDP, "j1", NOW)

    assert (False, True, False, False) == (
        before,
        seen.knows(IDP, "j1", NOW + 999),
        seen.knows(IDP, "j2", NOW),
        seen.knows(OTHER, "j1", NOW),
    )


def test_an_id_is_forgotten_after_a_while(make: Make) -> None:
    """To the millisecond, whether anything was added since or not."""
    seen = make(1_000, 10)
    seen.add(IDP, "j1", NOW)
    asked = [seen.knows(IDP, "j1", NOW + 1_000)]
    seen.add(IDP, "j2", NOW + 1_000)

    assert [False, False, True] == [*asked, seen.knows(IDP, "j1", NOW), seen.knows(IDP, "j2", NOW + 1_000)]


def test_ids_are_bounded(make: Make) -> None:
    """Of too many the oldest is forgotten first; one that comes again counts as new."""
    seen = make(1_000, 2)
    for when, jti in enumerate(("j1", "j2", "j1", "j3")):
        seen.add(IDP, jti, NOW + when)

    assert [True, False, True] == [seen.knows(IDP, jti, NOW + 5) for jti in ("j1", "j2", "j3")]


@pytest.mark.redis
def test_what_lies_in_redis_tells_nobody(redis: RedisServer) -> None:
    """Neither the issuer nor the id stands there, and all of it is in one slot."""
    with redis.client() as client:
        client.flushall()
        RedisSeen(connect(redis.url), KEY, prefix="shop").add(IDP, "a-secret-id", NOW)
        keys = sorted(client.scan_iter())
        dump = b"".join(client.dump(key) or b"" for key in keys)

    assert 2 == len(keys)
    assert [] == [text for text in (b"a-secret-id", b"idp.example") if text in dump + b"".join(keys)]
    assert 1 == len({key.partition(b"}")[0] for key in keys})


@pytest.mark.redis
def test_without_redis_nothing_is_known() -> None:
    """Whoever asks is told that the store is away, not that the id is new."""
    seen = RedisSeen(connect("redis://127.0.0.1:1/0"), KEY)

    with pytest.raises(RegistryUnavailable):
        seen.knows(IDP, "j1", NOW)
    with pytest.raises(RegistryUnavailable):
        seen.add(IDP, "j1", NOW)
