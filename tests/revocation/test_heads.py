"""Heads of the trail's chains, in memory and in Redis; and the writer whose chain follows what is durable."""

import json
from collections.abc import Callable, Iterator

import pytest
from redis import Redis

from revocation.audit import Event
from revocation.chain import ANNOUNCED, Head
from revocation.errors import RegistryUnavailable
from revocation.heads import MOST_ABANDONED, Heads, MemoryHeads, Noted, RedisHeads, Writer
from revocation.redis import connect
from revocation.verification import verify
from tests.revocation.trails import KEY, event, lines

ONE, TWO, OTHER = (Head(chain=name, number=number, hash="aa") for name, number in (("a", 1), ("a", 2), ("b", 0)))


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def heads(request: pytest.FixtureRequest) -> Iterator[Heads]:
    """Empty heads of each kind."""
    if request.param == "memory":
        yield MemoryHeads()
        return
    with connect(request.getfixturevalue("redis_url")) as client:
        yield RedisHeads(client)


def writer(heads: Heads, now: Callable[[], int] = lambda: 1_000, **given: object) -> Writer:
    """A writer whose chains are called `api-0`, `api-1` and so on."""
    ids = iter(map(str, range(2 * MOST_ABANDONED)))
    return Writer("api", heads, now, new_id=lambda: next(ids), **given)  # type: ignore[arg-type]


def test_heads_move_on_and_never_back(heads: Heads) -> None:
    """The furthest is kept, whoever tells which when; those told last stand at the end."""
    heads.put(ONE, 10)
    heads.put(OTHER, 20)
    heads.put(TWO, 30)
    heads.put(ONE, 40)

    assert [Noted(OTHER, 20), Noted(TWO, 30)] == heads.all()


def test_heads_are_forgotten(heads: Heads) -> None:
    """What is forgotten is gone, and what never was there does no harm."""
    heads.put(ONE, 10)
    heads.put(OTHER, 20)
    heads.forget([ONE, Head(chain="c", number=0)])
    heads.forget([])

    assert [Noted(OTHER, 20)] == heads.all()


@pytest.mark.redis
def test_what_is_no_head_is_passed_over(redis_url: str) -> None:
    """Whatever else somebody writes into the hash stops nobody."""
    with connect(redis_url) as client:
        heads = RedisHeads(client)
        heads.put(ONE, 10)
        client.hset("{tokenward:audit-heads}", mapping={"x": "nonsense", "y": "1 aa late", b"\xff": "1 aa 1"})

        assert [Noted(ONE, 10)] == heads.all()


def test_redis_that_is_away_is_said() -> None:
    """Without an answer nothing is known, and the error is the registry's."""
    with Redis(unix_socket_path="none.sock", socket_timeout=1) as client, pytest.raises(RegistryUnavailable):
        RedisHeads(client).all()


def test_a_chain_is_announced_before_its_first_record(heads: Heads) -> None:
    """Who dies between the first record and its head leaves a chain that is known."""
    writer(heads).seal([event()])

    assert [Noted(Head(chain="api-0", number=ANNOUNCED), 1_000)] == heads.all()


def test_what_is_confirmed_moves_the_head(heads: Heads) -> None:
    """Head and chain follow what is durable."""
    made = writer(heads)
    sealed = made.seal([event(1), event(2)])
    before = made.confirm([]), made.confirm(sealed)

    assert ((True, True), [Noted(sealed[-1].head, 1_000)]) == (before, heads.all())
    assert 2 == made.seal([event(3)])[0].head.number


def test_nobody_confirms_what_was_not_sealed() -> None:
    """A writer without a chain has nothing to confirm or to doubt."""
    made = writer(MemoryHeads())
    made.doubt(acted_on=False)

    assert made.confirm([])


def test_after_a_doubt_another_chain_begins() -> None:
    """No number is given out twice, and the next chain says behind which record nothing was acted on, once."""
    heads = MemoryHeads()
    made = writer(heads)
    first = made.seal([event(1)])
    made.confirm(first)
    lost = made.seal([event(2)])
    made.doubt(acted_on=False)
    second = made.seal([event(3)])
    made.confirm(second)
    third = made.seal([event(4)])
    made.confirm(third)

    told, *_ = (json.loads(sealed.line)["event"] for sealed in second)
    assert ("abandoned", {"chain": "api-0", "after": "0"}) == (told["action"], told["details"])
    assert (2, 1) == (len(second), len(third))
    known = [noted.head for noted in heads.all()]
    assert [] == list(verify(lines([*first, *lost, *second, *third]), known))


def test_what_was_acted_on_is_not_abandoned() -> None:
    """A worker whose transaction may have happened has changed the registry all the same."""
    made = writer(MemoryHeads())
    made.seal([event(1)])
    made.doubt(acted_on=True)

    assert 1 == len(made.seal([event(2)]))


def test_a_chain_follows_those_before_it_and_old_ones_are_forgotten() -> None:
    """A new chain names the heads it finds; those of chains that ended long ago go."""
    heads = MemoryHeads()
    heads.put(ONE, 10)
    heads.put(OTHER, 900)
    (sealed,) = writer(heads, kept_ms=500, key=KEY).seal([Event(at=1, actor="a", via="b", action="c")])

    assert ["a", "b"] == [head["chain"] for head in json.loads(sealed.line)["follows"]]
    assert ["b", "api-0"] == [noted.head.chain for noted in heads.all()]


def test_a_head_that_cannot_be_told_is_told_later() -> None:
    """The record is durable: that Redis does not know it yet is no reason to stop."""

    class Away(MemoryHeads):
        away = False

        def put(self, head: Head, at: int) -> None:
            if self.away:
                raise RegistryUnavailable("Redis cannot be reached.")
            super().put(head, at)

    heads = Away()
    made = writer(heads)
    sealed = made.seal([event(1)])
    heads.away = True
    told = made.confirm(sealed)
    heads.away = False

    assert (False, True, 1) == (told, made.confirm(made.seal([event(2)])), heads.all()[0].head.number)
