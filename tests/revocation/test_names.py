"""Names of refused addresses: sealed, bound to their digest, and gone with the entry."""

from collections.abc import Callable

import pytest

from revocation.connections import connect
from revocation.errors import RegistryUnavailable
from revocation.names import MemoryNames, Name, Names, Sealer
from revocation.record import Scope, digester
from revocation.redis_names import CHUNK, RedisNames
from tests.servers.process import until

KEY, OTHER = b"a key for tests, of 32 bytes....."[:32], bytes(32)
ADDRESS = "203.0.113.7"
NOW = 1_795_427_100_000


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def names(request: pytest.FixtureRequest) -> Names:
    """A store of each kind, empty."""
    if request.param == "memory":
        return MemoryNames()
    return RedisNames(connect(request.getfixturevalue("redis_url")))


def test_a_seal_is_opened_under_its_digest_alone() -> None:
    """Whoever puts a name under another digest, or has another key, gets nothing out of it."""
    sealer = Sealer(KEY)
    seal, digest = sealer.seal(ADDRESS), sealer.digest(ADDRESS)
    swapped = sealer.digest("203.0.113.8")

    assert (ADDRESS, None, None) == (
        sealer.open(digest, seal),
        sealer.open(swapped, seal),
        Sealer(OTHER).open(digest, seal),
    )
    assert [None] * 3 == [sealer.open(digest, bad) for bad in (b"", seal[:-1], bytes(len(seal)))]


def test_a_seal_shows_nothing() -> None:
    """Neither the address nor that two seals are of the same one."""
    sealer = Sealer(KEY)
    first, second = sealer.seal(ADDRESS), sealer.seal(ADDRESS)

    assert (False, False) == (ADDRESS.encode() in first, first == second)


def test_the_digest_is_the_registrys() -> None:
    """A name is found by what entries are found by."""
    assert digester(KEY, Scope.ORIGIN, "")(ADDRESS) == Sealer(KEY).digest(ADDRESS)


def test_what_was_put_is_found(names: Names) -> None:
    """Of many that are asked for, those that are there."""
    digests = [number.to_bytes(16, "big") for number in range(CHUNK + 1)]
    names.put({digest: Name(b"s" + digest, NOW + 60_000) for digest in digests[::2]}, NOW)

    assert {digest: b"s" + digest for digest in digests[::2]} == names.find(digests, NOW)


def test_a_name_stays_for_the_longer_of_two_decisions(names: Names) -> None:
    """A shorter decision about the same address does not take the name away early; a longer one keeps it on."""
    one, two = bytes(16), bytes(15) + b"\1"
    names.put({one: Name(b"long", NOW + 60_000), two: Name(b"short", NOW + 100)}, NOW)
    names.put({one: Name(b"short", NOW + 100), two: Name(b"long", NOW + 60_000)}, NOW)

    assert {one: b"long", two: b"long"} == names.find([one, two], NOW + 50)


def test_a_name_ends(names: Names) -> None:
    """With the entry that it was left for; one that has ended already is not kept at all."""
    digest = bytes(16)
    names.put({digest: Name(b"s", NOW + 50), bytes(15) + b"\1": Name(b"s", NOW)}, NOW)

    until(lambda: names.find([digest, bytes(15) + b"\1"], NOW + 50) == {}, "the name has ended", seconds=5)


def test_memory_forgets_what_has_ended() -> None:
    """The next name makes room."""
    names = MemoryNames()
    names.put({bytes(16): Name(b"s", NOW + 1)}, NOW)
    names.put({bytes(15) + b"\1": Name(b"s", NOW + 9)}, NOW + 1)

    assert {} == names.find([bytes(16)], NOW)


@pytest.mark.parametrize(
    "call",
    [
        lambda names: names.put({bytes(16): Name(b"s", NOW + 1)}, NOW),
        lambda names: names.find([bytes(16)], NOW),
    ],
)
def test_a_store_that_is_away_says_so(call: Callable[[Names], object]) -> None:
    """As the registry does, so that whoever decides waits and tries again."""
    with pytest.raises(RegistryUnavailable):
        call(RedisNames(connect("redis://127.0.0.1:1/0")))
