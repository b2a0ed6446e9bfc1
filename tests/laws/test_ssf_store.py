"""One stateful suite for every store of the transmitter: any sequence of calls gives the same answers."""

from collections.abc import Callable
from typing import TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from revocation.errors import RegistryUnavailable
from revocation.record import Scope
from revocation.redis import connect
from revocation.seal import Seal
from revocation.ssf.identity import Identity
from revocation.ssf.memory import MemoryStore
from revocation.ssf.redis import RedisStore
from revocation.ssf.store import REMEMBERED, Item, Known, Store
from revocation.ssf.streams import Stream
from tests.revocation.entries import subject
from tests.servers.redis import Connect

T = TypeVar("T")
IDS = st.sampled_from("abcde")
QUEUES = st.sampled_from(["q", "other"])
TICKS = st.integers(0, 3)


class Stores(RuleBasedStateMachine):
    """Both stores, driven side by side at one time."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.client = connect(url)
        self.client.flushall()
        self.stores: tuple[Store, Store] = (MemoryStore(), RedisStore(self.client, Seal(b"a key")))
        # Ends lie hours apart, so that Redis' own clock never ends anything meanwhile.
        self.hour = 3_600_000
        self.now = self.hour

    def teardown(self) -> None:
        """Give the connections back."""
        self.client.close()

    def both(self, call: Callable[[Store], T]) -> T:
        """Call both; their answers must be the same."""
        first, second = (call(store) for store in self.stores)
        assert first == second
        return first

    @rule(ticks=TICKS)
    def wait(self, ticks: int) -> None:
        """Time passes."""
        self.now += ticks * self.hour

    @rule(queue=QUEUES, name=IDS, most=st.integers(1, 3))
    def put(self, queue: str, name: str, most: int) -> None:
        """Something waits, or waited already."""
        self.both(lambda store: store.put(queue, Item(name, self.now, name.encode()), most))
        assert self.both(lambda store: store.waiting(queue)) <= 5

    @rule(queue=QUEUES, limit=st.integers(0, 3))
    def first(self, queue: str, limit: int) -> None:
        """Who has waited longest is the same for both."""
        assert limit >= len(self.both(lambda store: store.first(queue, limit)))

    @rule(queue=QUEUES, limit=st.integers(0, 3), ticks=TICKS)
    def lend(self, queue: str, limit: int, ticks: int) -> None:
        """What is lent does not come again before its time."""
        lent, _ = self.both(lambda store: store.lend(queue, limit, self.now, ticks * self.hour))
        again, _ = self.both(lambda store: store.lend(queue, 5, self.now, 0))
        assert ticks == 0 or not {item.id for item in lent} & {item.id for item in again}

    @rule(queue=QUEUES, names=st.lists(IDS, max_size=3))
    def done(self, queue: str, names: list[str]) -> None:
        """What is done neither waits nor comes again."""
        ended = set(names) & {item.id for item in self.stores[0].first(queue, 5)}
        assert len(ended) == self.both(lambda store: store.done(queue, names, self.now))
        for name in sorted(ended):
            assert None is self.both(lambda store, name=name: store.put(queue, Item(name, 0, b""), 5))  # type: ignore[misc]

    @rule(queue=QUEUES)
    def clear(self, queue: str) -> None:
        """Nothing is left of a queue that was cleared."""
        self.both(lambda store: store.clear(queue))
        assert 0 == self.both(lambda store: store.waiting(queue))

    @rule(name=IDS)
    def add(self, name: str) -> None:
        """A stream is there once."""
        self.both(lambda store: store.add(Stream(id=name, receiver="ann", aud=("x",))))
        assert not self.both(lambda store: store.add(Stream(id=name, receiver="bob", aud=("y",))))

    @rule(name=IDS, step=st.integers(0, 2))
    def change(self, name: str, step: int) -> None:
        """Only who saw the newest version changes a stream."""
        old = self.both(lambda store: store.stream(name)) or Stream(id=name, receiver="ann", aud=("x",))
        new = msgspec.structs.replace(old, version=old.version + step, description=str(self.now))
        assert step == 1 or not self.both(lambda store: store.change(new))
        self.both(lambda store: store.change(new))
        self.both(lambda store: sorted(store.streams(), key=lambda stream: stream.id))

    @rule(name=IDS)
    def remove(self, name: str) -> None:
        """A stream that was removed is gone with what waited for it."""
        self.both(lambda store: store.put(name, Item("set", 0, b"set"), 5))
        self.both(lambda store: store.remove(name))
        assert (None, 0) == self.both(lambda store: (store.stream(name), store.waiting(name)))

    @rule(name=IDS, ticks=TICKS)
    def remember(self, name: str, ticks: int) -> None:
        """What is known of an entry is known until its end."""
        known, whom = Known(Identity("iss", "ann", name), "told", ticks), subject(name, Scope.FAMILY)
        until = self.now + ticks * self.hour
        self.both(lambda store: store.remember(whom, known, self.now, until))
        assert ticks == 0 or known == self.both(lambda store: store.recall(whom, until - 1))

    @rule(name=IDS)
    def recall(self, name: str) -> None:
        """Nothing is known longer than that."""
        self.both(lambda store: store.recall(subject(name, Scope.FAMILY), self.now))

    @rule(names=st.sets(IDS), ticks=TICKS)
    def publish(self, names: set[str], ticks: int) -> None:
        """Keys are shown until their end, whoever shows others."""
        keys = {name: {"kid": name} for name in names}
        self.both(lambda store: store.publish(keys, self.now, self.now + ticks * self.hour))
        self.both(lambda store: store.published(self.now))

    @rule(name=IDS, owner=IDS, ticks=TICKS)
    def hold(self, name: str, owner: str, ticks: int) -> None:
        """A name has one owner at a time."""
        held = self.both(lambda store: store.hold(name, owner, self.now, ticks * self.hour))
        if held and ticks:
            assert not self.both(lambda store: store.hold(name, "somebody", self.now, self.hour))


@pytest.mark.redis
def test_both_stores_agree_on_any_sequence(redis_url: str) -> None:
    """The store in memory and the one in a real Redis give the same answers, whatever they are asked."""
    checked = settings(max_examples=25, stateful_step_count=40, suppress_health_check=[HealthCheck.too_slow])

    run_state_machine_as_test(lambda: Stores(redis_url), settings=checked)  # type: ignore[arg-type]  # a factory


@pytest.mark.redis
def test_nothing_in_redis_can_be_read_or_moved(redis_url: str, redis_client: Connect) -> None:
    """No name and no secret stands in Redis in the clear, and a value at another place is not taken."""
    client = redis_client(redis_url)
    store = RedisStore(client, Seal(b"a key"))
    store.add(Stream(id="s", receiver="ann", aud=("audience",), url="https://push", authorization="Bearer secret"))
    store.add(Stream(id="t", receiver="bob", aud=("other",)))
    store.put("s", Item("jti", 1, b"a set about ann"), 5)
    store.remember(subject("ann", Scope.FAMILY), Known(Identity("iss", "ann", "sid")), 0, 3_600_000)
    store.publish({"kid": {"n": "modulus"}}, 0, 1)
    said = b"".join(client.dump(key) or b"" for key in client.scan_iter())
    client.hset("{tokenward:ssf}:streams", "t", client.hget("{tokenward:ssf}:streams", "s") or b"")

    assert [] == [word for word in (b"ann", b"secret", b"audience", b"modulus", b"push") if word in said]
    assert ["s"] == [stream.id for stream in store.streams()]


@pytest.mark.redis
def test_so_much_is_remembered_as_done(redis_url: str, redis_client: Connect) -> None:
    """Beyond the bound the oldest is forgotten, in both stores."""
    stores: tuple[Store, Store] = (MemoryStore(), RedisStore(redis_client(redis_url), Seal(b"a key")))
    for store in stores:
        for number in range(REMEMBERED + 1):
            store.put("q", Item(f"{number:05}", 0, b""), REMEMBERED + 1)
        store.done("q", [f"{number:05}" for number in range(REMEMBERED + 1)], 0)

    assert [([], None)] * 2 == [
        (store.put("q", Item("00000", 0, b""), 1), store.put("q", Item("00001", 0, b""), 1)) for store in stores
    ]


def test_a_silent_redis_is_unavailable(redis_client: Connect) -> None:
    """Whatever Redis says instead of an answer is one error, which says nothing of an address or a password."""
    store = RedisStore(redis_client("redis://:secret@127.0.0.1:1/0"), Seal(b"a key"))

    with pytest.raises(RegistryUnavailable) as raised:
        store.streams()
    assert "secret" not in str(raised.value)


@pytest.mark.redis
def test_only_who_saw_the_newest_version_changes_a_stream(redis_url: str, redis_client: Connect) -> None:
    """The next version replaces the one that stands there; an old one, and one of nothing, are refused."""
    stores: tuple[Store, Store] = (MemoryStore(), RedisStore(redis_client(redis_url), Seal(b"a key")))
    first, second = (Stream(id="s", receiver="ann", aud=("x",), version=version) for version in (1, 2))

    assert [(False, True, True, False)] * 2 == [
        (store.change(second), store.add(first), store.change(second), store.change(second)) for store in stores
    ]
