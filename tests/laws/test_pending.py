"""The laws of what waits: the store in memory and the one in a real Redis, driven side by side."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule, run_state_machine_as_test

from revocation.errors import RegistryUnavailable
from revocation.pending import Document, MemoryPending, Pending, PendingFull
from revocation.pending_redis import RedisPending
from revocation.redis import connect
from tests.servers.redis import Connect, redis_server

KIND = "approval"
MOST = 2
NAMES = st.sampled_from(["a", "b", "c"])
TEXTS = st.binary(max_size=4)
T = TypeVar("T")


class Stores(RuleBasedStateMachine):
    """Both stores, and the documents that were read, however old."""

    seen: Bundle[Document] = Bundle("seen")

    def __init__(self, url: str) -> None:
        super().__init__()
        self.client = connect(url)
        self.client.flushall()
        self.stores: tuple[Pending, Pending] = (MemoryPending(), RedisPending(self.client))
        self.now = 1_000

    def teardown(self) -> None:
        """Give the connections back."""
        self.client.close()

    def both(self, call: Callable[[Pending], T]) -> T:
        """Call both stores; their answers must be the same."""
        first, second = (call(store) for store in self.stores)
        assert first == second
        return first

    @rule(target=seen, name=NAMES, text=TEXTS, life=st.integers(0, 3))
    def make(self, name: str, text: bytes, life: int) -> Document:
        """A name is made once, and there are never more than there may be."""

        def made(store: Pending) -> Document | str | None:
            try:
                return store.make(KIND, name, text, self.now + life, self.now, MOST)
            except PendingFull:
                return "full"

        known = {document.name for document in self.stores[0].every(KIND, self.now)}
        document = self.both(made)
        if isinstance(document, Document):
            assert name not in known
            return document
        assert (name in known) if document is None else len(known) == MOST
        return Document(name, 0, 0, b"")

    @rule(target=seen, document=consumes(seen), text=TEXTS, life=st.integers(-1, 3))
    def change(self, document: Document, text: bytes, life: int) -> Document:
        """Who knows the version changes it; who knows an older one does not."""
        current = self.stores[0].read(KIND, document.name, self.now)
        changed = self.both(lambda store: store.change(KIND, document, text, self.now + life, self.now))
        assert (changed is not None) == (current is not None and current.version == document.version)
        return changed or document

    @rule(target=seen, name=NAMES)
    def read(self, name: str) -> Document:
        """A document is read as it was written last."""
        return self.both(lambda store: store.read(KIND, name, self.now)) or Document(name, 0, 0, b"")

    @rule(by=st.integers(1, 2))
    def time_goes_on(self, by: int) -> None:
        """Documents end."""
        self.now += by

    @invariant()
    def the_same_is_there(self) -> None:
        """Both hold the same, by name."""
        assert len(self.both(lambda store: store.every(KIND, self.now))) <= MOST


@pytest.fixture(scope="module")
def own_redis() -> Iterator[str]:
    """The address of a Redis that nobody else empties."""
    with redis_server() as server:
        yield server.url


@pytest.mark.redis
def test_any_sequence_of_calls(own_redis: str) -> None:
    """Memory and Redis give the same answers to any sequence of calls, and keep the port's laws."""

    class Here(Stores):
        def __init__(self) -> None:
            super().__init__(own_redis)

    # Every step asks a real server several times, on machines that do other things too.
    slow = [HealthCheck.too_slow]
    run_state_machine_as_test(Here, settings=settings(deadline=None, suppress_health_check=slow))


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def store(request: pytest.FixtureRequest, redis_client: Connect) -> Pending:
    """Each store, empty."""
    if request.param == "memory":
        return MemoryPending()
    return RedisPending(redis_client(request.getfixturevalue("redis_url")))


def test_of_several_who_change_one_does(store: Pending) -> None:
    """Eight threads that know the same version: one of them changes it."""
    made = store.make(KIND, "a", b"", 10, 0, MOST)
    assert made is not None

    with ThreadPoolExecutor(8) as pool:
        changed = list(pool.map(lambda text: store.change(KIND, made, text, 10, 0), [b"%d" % n for n in range(8)]))

    assert [2] == [document.version for document in changed if document is not None]


def test_kinds_do_not_meet(store: Pending) -> None:
    """The same name of two kinds is two documents."""
    for kind in ("approval", "bulk"):
        store.make(kind, "a", kind.encode(), 10, 0, 1)

    assert [b"approval", b"bulk"] == [store.every(kind, 0)[0].text for kind in ("approval", "bulk")]


@pytest.mark.redis
def test_a_redis_that_is_gone_is_unavailable(redis_client: Connect) -> None:
    """What Redis says instead of an answer becomes the registry's own error."""
    with pytest.raises(RegistryUnavailable):
        RedisPending(redis_client("redis://127.0.0.1:1/0", 0.2)).read(KIND, "a", 0)
