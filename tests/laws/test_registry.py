"""Law 9, one stateful suite for every registry: any sequence of calls gives the same answers, and keeps its promises.

The registry in memory and the one in a real Redis are driven side by side, in one shard and in three; beside them, one
in memory that is not divided. This Redis trims its stream to the exact number (one change a node), so that even what is
lost is lost by both.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from revocation.errors import CursorLost
from revocation.memory import MemoryRegistry
from revocation.record import Change, Cursor, Revocation, Scope, State, Subject, is_live, release
from revocation.redis import RedisRegistry, connect
from revocation.registry import Registry, Whole
from revocation.replica import Replica
from revocation.shards import Shards
from tests.revocation.entries import KEY, entry, subject
from tests.servers.redis import Connect, redis_server

RETAINED = 4
SUBJECTS = [subject("ann"), subject("ann", Scope.SUBJECT)]  # in different ones of three shards
#: Moments are whole multiples of this, so that ends, releases and decisions often fall on the same one.
TICK = 10
T = TypeVar("T")


class Registries(RuleBasedStateMachine):
    """Both registries, the decisions and changes seen so far, and what has been promised about each subject."""

    decisions: Bundle[Revocation] = Bundle("decisions")
    changes: Bundle[Change] = Bundle("changes")

    def __init__(self, url: str, shards: int) -> None:
        super().__init__()
        client = connect(url)
        client.flushall()
        in_redis = [
            RedisRegistry(client, "tokenward", number, shards, retained=RETAINED, new_epoch=lambda: "epoch")
            for number in range(shards)
        ]
        for shard in in_redis:
            shard.release(SUBJECTS, 0, "nobody")  # whoever writes first names the epoch
        in_memory = [MemoryRegistry("epoch", retained=RETAINED) for _ in range(shards)]
        self.client = client
        self.registries: tuple[Whole, Whole] = (Shards(in_memory), Shards(in_redis))
        self.undivided = MemoryRegistry("epoch", retained=RETAINED)
        self.replicas = (Replica(KEY, shards), Replica(KEY, shards))
        self.now = 1_000
        self.made = 0
        #: The last live entry that was found, until it is released.
        self.found: dict[Subject, Revocation] = {}
        #: The tombstone of a subject, until a later decision was made.
        self.forgiven: dict[Subject, Revocation] = {}

    def teardown(self) -> None:
        """Give the connections back."""
        self.client.close()

    def both(self, call: Callable[[Whole], T]) -> T:
        """Call both registries; their answers must be the same."""
        first, second = (call(registry) for registry in self.registries)
        assert first == second
        return first

    def all(self, call: Callable[[Whole], list[Change]]) -> list[Change]:
        """The same; the registry that is not divided must give the same entries in the same order."""
        changes = self.both(call)
        assert [change.entry for change in changes] == [change.entry for change in call(self.undivided)]
        return changes

    def apply(self, decisions: Sequence[Revocation]) -> Sequence[Change]:
        """Apply twice; the second time must answer the same as the last state of each subject."""
        for new in decisions:
            self._released_by(new)
        changes = self.all(lambda registry: registry.apply(decisions, self.now))
        again = self.all(lambda registry: registry.apply(decisions, self.now))
        last = {change.entry.subject: change for change in changes}
        assert [last[change.entry.subject] for change in changes] == again
        for new in decisions:
            if new.expires_at > self.now:
                self._says_so(new, last[new.subject].entry)
        return changes

    def _released_by(self, new: Revocation) -> None:
        """An entry of elsewhere that was released there releases what was decided before; a later decision counts."""
        old, tombstone = self.found.get(new.subject), self.forgiven.get(new.subject)
        if old is not None and new.released_at >= old.decided_at:
            del self.found[new.subject]
        if tombstone is not None and new.decided_at > tombstone.released_at:
            del self.forgiven[new.subject]

    def _says_so(self, new: Revocation, stands: Revocation) -> None:
        """Every find after the apply says what was decided, unless it had been released."""
        found = self.registries[1].find([new.subject], self.now)[0]
        if new.decided_at > stands.released_at:
            assert found == stands
            assert found is not None
            assert found.state >= new.state
            assert found.expires_at >= new.expires_at
            assert found.not_before >= new.not_before

    @rule(
        target=decisions,
        about=st.sampled_from(SUBJECTS),
        state=st.sampled_from([State.QUARANTINED, State.REVOKED]),
        age=st.integers(-1, 3),
        life=st.integers(0, 15),
        not_before=st.sampled_from([0, 900, 1_000, 1_100]),
    )
    def decide(self, about: Subject, state: State, age: int, life: int, not_before: int) -> Revocation:
        """A new decision, made a little ago, or by a clock that is ahead; it may have ended already."""
        self.made += 1
        decided_at, expires_at = self.now - age * TICK, self.now + life * TICK
        new = entry(
            about,
            state,
            id=f"d{self.made}",
            decided_at=decided_at,
            expires_at=expires_at,
            not_before=not_before,
            reasons=(f"reason.{self.made}",),
        )
        self.apply([new])
        return new

    @rule(target=changes, again=st.lists(decisions, min_size=1, max_size=4))
    def redeliver(self, again: list[Revocation]) -> Change:
        """Old decisions in any order, together; what was released does not come back."""
        changes = self.apply(again)
        for about, tombstone in self.forgiven.items():
            if self.now < tombstone.expires_at:
                assert self.registries[1].find([about], self.now) == [None]
        return changes[-1] if changes else Change(seq=0, entry=again[-1])

    @rule(change=changes)
    def replicate(self, change: Change) -> None:
        """An entry as it once stood comes back from another region: live, merged or released."""
        self.apply([change.entry])

    @rule(decision=decisions, ago=st.integers(0, 2))
    def replicate_release(self, decision: Revocation, ago: int) -> None:
        """What was decided here was released in another region."""
        self.apply([release(decision, self.now - ago * TICK, "eve")])

    @rule(target=changes, about=st.lists(st.sampled_from(SUBJECTS), min_size=1, max_size=3))
    def let_pass(self, about: list[Subject]) -> Change:
        """A person lets subjects pass again; doing so twice answers the same."""
        changes = self.all(lambda registry: registry.release(about, self.now, "ann"))
        assert changes == self.all(lambda registry: registry.release(about, self.now, "bob"))
        for change in changes:
            assert change.entry.state is State.RELEASED
            self.forgiven[change.entry.subject] = change.entry
            self.found.pop(change.entry.subject, None)
        assert self.registries[1].find(about, self.now) == [None] * len(about)
        return changes[-1] if changes else Change(seq=0, entry=entry(about[0]))

    @rule(by=st.integers(1, 4))
    def time_goes_on(self, by: int) -> None:
        """Entries end."""
        self.now += by * TICK

    @rule(limit=st.integers(1, 3))
    def expire(self, limit: int) -> None:
        """What has ended is forgotten, the same by both."""
        self.both(lambda registry: registry.expire(self.now, limit))

    @rule(seq=st.integers(0, 12), limit=st.integers(1, 20), epoch=st.sampled_from(["epoch", "epoch", "other"]))
    def read(self, seq: int, limit: int, epoch: str) -> None:
        """Changes of each shard after any cursor: the same, without a gap, or lost to both."""
        told = self.both(lambda registry: [changes_of(shard, Cursor(epoch, seq), limit) for shard in registry.shards])
        for changes in told:
            seqs = [change.seq for change in changes or ()]
            assert seqs == list(range(seq + 1, seq + 1 + len(seqs)))

    @rule(limit=st.integers(1, 20))
    def follow(self, limit: int) -> None:
        """Each replica takes over a page of each shard's changes, or a snapshot where the past is lost."""
        for registry, replica in zip(self.registries, self.replicas, strict=True):
            position = replica.position
            for number, shard in enumerate(registry.shards):
                cursor = Cursor("none", 0) if position is None else position.cursors[number]
                changes = changes_of(shard, cursor, limit)
                if changes is None:
                    replica.load(shard.snapshot(), self.now, shard=number)
                else:
                    replica.apply(changes, self.now, number)

    @rule()
    def compare_replicas(self) -> None:
        """A replica that followed knows what one knows that has just read a snapshot, and what `find` says."""
        self.follow(RETAINED)
        self.follow(RETAINED)
        found = self.registries[0].find(SUBJECTS, self.now)
        live = {msgspec.structs.replace(each, actor="") for each in found if each is not None}
        for registry, followed in zip(self.registries, self.replicas, strict=True):
            fresh = Replica(KEY, len(registry.shards))
            for number, shard in enumerate(registry.shards):
                fresh.load(shard.snapshot(), self.now, shard=number)
            assert followed.position == fresh.position
            for replica in (followed, fresh):
                assert live == {known for known in replica.rows(0, replica.size) if is_live(known, self.now)}

    @invariant()
    def snapshots_agree(self) -> None:
        """Both remember the same, tombstones and forgotten entries included."""
        for pair in zip(*(registry.shards for registry in self.registries), strict=True):
            snapshots = [shard.snapshot() for shard in pair]
            assert snapshots[0].cursor == snapshots[1].cursor
            memory, redis = ({each.subject: each for each in snapshot.entries} for snapshot in snapshots)
            assert memory == redis

    @invariant()
    def nothing_weakens(self) -> None:
        """As long as an entry lasts, its state and its expiry never go back but by a release."""
        found = self.both(lambda registry: registry.find(SUBJECTS, self.now))
        assert found == self.undivided.find(SUBJECTS, self.now)
        for about, current in zip(SUBJECTS, found, strict=True):
            old = self.found.pop(about, None)
            if old is not None and old.expires_at > self.now:
                assert current is not None
                assert current.state >= old.state
                assert current.expires_at >= old.expires_at
                assert current.not_before >= old.not_before
            if current is not None:
                self.found[about] = current


def changes_of(shard: Registry, cursor: Cursor, limit: int) -> list[Change] | None:
    """A shard's changes; None: lost."""
    try:
        return shard.changes(cursor, limit)
    except CursorLost:
        return None


@pytest.fixture(scope="module")
def exact_redis() -> Iterator[str]:
    """The address of a Redis that trims streams exactly."""
    with redis_server("--stream-node-max-entries", "1") as server:
        yield server.url


@pytest.mark.redis
@pytest.mark.parametrize("shards", [1, 3])
def test_any_sequence_of_calls(exact_redis: str, shards: int) -> None:
    """Memory and Redis, divided or not, give the same answers to any sequence of calls, and keep law 9."""

    class Here(Registries):
        def __init__(self) -> None:
            super().__init__(exact_redis, shards)

    # Every step asks a real server several times, on machines that do other things too.
    slow = [HealthCheck.too_slow]
    limits = settings(stateful_step_count=40, deadline=None, suppress_health_check=slow)
    run_state_machine_as_test(Here, settings=limits)


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def registry(request: pytest.FixtureRequest, redis_client: Connect) -> Registry:
    """Each registry, empty."""
    if request.param == "memory":
        return MemoryRegistry("epoch")
    redis = RedisRegistry(redis_client(request.getfixturevalue("redis_url")), new_epoch=lambda: "epoch")
    redis.release([subject("nobody")], 0, "nobody")  # whoever writes first names the epoch
    return redis


def test_first_change_ends_the_wait(registry: Registry) -> None:
    """Whoever waits for a change is given it when it comes, long before the wait is over."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(registry.changes, registry.snapshot().cursor, wait_ms=30_000)
        changes = registry.apply([entry()], 0)

        assert changes == waiting.result(10)


def test_wait_ends_without_a_change(registry: Registry) -> None:
    """A wait that nothing ends brings nothing."""
    assert [] == registry.changes(registry.snapshot().cursor, wait_ms=20)


@pytest.mark.parametrize("cursor", [Cursor("other", 0), Cursor("epoch", 1), Cursor("epoch", 10**30)])
def test_foreign_cursors_are_lost(registry: Registry, cursor: Cursor) -> None:
    """A cursor of another epoch, or from the future, is lost at once, even where one would wait."""
    registry.snapshot()

    with pytest.raises(CursorLost):
        registry.changes(cursor, wait_ms=30_000)


def test_a_list_may_name_a_subject_twice(registry: Registry) -> None:
    """Decisions of one list about one subject are merged in order; releasing it twice releases it once."""
    changes = registry.apply([entry(state=State.QUARANTINED, id="q"), entry(id="r")], 0)
    released = registry.release([subject(), subject("nobody"), subject()], 2_000, "ann")

    assert [(1, State.QUARANTINED), (2, State.REVOKED)] == [(change.seq, change.entry.state) for change in changes]
    assert [3, 3] == [change.seq for change in released]
    assert ["ann", "ann"] == [change.entry.actor for change in released]


def test_what_ended_first_is_forgotten_first(registry: Registry) -> None:
    """Forgetting goes by expiry and stops at the limit; what is forgotten is in no snapshot, and no change says so."""
    registry.apply([entry(subject(name), expires_at=10 + n) for n, name in enumerate("abcd")], 0)
    cursor = registry.snapshot().cursor
    forgotten = [registry.expire(12, limit=2), registry.expire(12, limit=2), registry.expire(12, limit=2)]

    assert [2, 1, 0] == forgotten
    assert [subject("d")] == [left.subject for left in registry.snapshot().entries]
    assert [] == registry.changes(cursor)


def test_an_ended_entry_is_as_if_absent(registry: Registry) -> None:
    """A decision that comes at another's expiry starts afresh, though the other was not forgotten yet."""
    registry.apply([entry(id="old", not_before=7)], 0)
    weaker = entry(state=State.QUARANTINED, id="new", decided_at=100_000, expires_at=100_500)

    assert [] == registry.release([subject()], 100_000, "ann")
    assert [weaker] == [change.entry for change in registry.apply([weaker, entry(id="old")], 100_000)]


def test_nothing_asked_is_nothing_done(registry: Registry) -> None:
    """Empty lists are answered with empty lists."""
    assert [[], [], []] == [registry.apply([], 0), registry.release([], 0, "ann"), registry.find([], 0)]


def test_writers_do_not_lose_one_another(registry: Registry) -> None:
    """Eight threads deciding about the same subjects leave one merged entry each, and no gap in the changes."""
    names = [str(n) for n in range(20)]
    cursor = registry.snapshot().cursor

    def decide(writer: int) -> None:
        for name in names:
            registry.apply([entry(subject(name), id=f"{writer}", expires_at=10_000 + writer)], 0)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(decide, range(8)))
    changes = registry.changes(cursor)

    assert {10_007} == {found.expires_at for found in registry.find([subject(name) for name in names], 0) if found}
    assert list(range(1, len(changes) + 1)) == [change.seq for change in changes]
