"""The runner: who works at a bulk, what happens when it ends in between, and what undoing leaves alone."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.access.principal import Principal, Verb
from api.bulk.asked import BulkAsked
from api.bulk.draft import CHUNK, Bulk, Part
from api.bulk.office import Office
from api.bulk.runner import LEASE_MS, Runner
from api.bulk.store import Bulks, Seen
from api.registrar import Registrar
from api.writes.approvals import Approvals
from api.writes.terms import Terms
from revocation.audit import MemoryTrail
from revocation.errors import TrailUnavailable
from revocation.memory import MemoryRegistry
from revocation.pending import MemoryPending
from revocation.record import Revocation, Scope, State, Subject
from tests.api.bulk.drafting import lines
from tests.api.running import KEY, entry
from tests.servers.process import until

ANN = Principal(name="ann", kind="key", verbs=frozenset(Verb), scopes=frozenset(Scope), issuers=None)
START = 1_000_000
SIDS = [f"s{number}" for number in range(2 * CHUNK + 1)]
FAR = 2**52


class Process:
    """One API process' part of it, beside others over the same stores."""

    def __init__(self, shared: "Process | None" = None, name: str = "one") -> None:
        self.clock: list[int] = [START] if shared is None else shared.clock
        self.registry: MemoryRegistry = MemoryRegistry("e") if shared is None else shared.registry
        self.trail: MemoryTrail = MemoryTrail() if shared is None else shared.trail
        self.pending: MemoryPending = MemoryPending() if shared is None else shared.pending
        #: Raised after that many chunks: the process is killed.
        self.dies_after = FAR
        registrar = Registrar(self.registry, self.trail, self.tell, lambda: self.clock[0], KEY)
        self.bulks = Bulks(self.pending)
        self.runner = Runner(self.bulks, registrar, name, aside_seconds=0, idle_seconds=0.01)
        approvals = Approvals(self.pending, registrar, 10_000)
        self.office = Office(registrar, approvals, self.bulks, self.runner, Terms, 0)

    def tell(self, _: object) -> None:
        """The last thing of a chunk before its progress is kept."""
        self.dies_after -= 1
        if self.dies_after < 0:
            raise KeyboardInterrupt

    def submit(self, sids: list[str], state: State = State.REVOKED) -> str:
        """A bulk that is to run; its id."""
        asked = BulkAsked.model_validate({"reason": "soc.test", "state": state.slug})
        name = self.office.draft(ANN, asked, None).bulk.id
        self.office.add_part(ANN, name, 0, lines(sids))
        return self.office.submit(ANN, name).bulk.id

    def bulk(self, name: str) -> Bulk:
        """How it is."""
        return self.office.read(ANN, name).bulk

    def live(self, sids: list[str]) -> list[Revocation]:
        """Who is refused."""
        found = self.registry.find([entry(sid).subject for sid in sids], self.clock[0])
        return [one for one in found if one is not None]


def test_another_process_goes_on() -> None:
    """One is killed before the progress of a chunk is kept: the other waits for the lease, and does the rest."""
    one = Process()
    other = Process(one, "other")
    name = one.submit(SIDS)
    one.dies_after = 1
    with pytest.raises(KeyboardInterrupt):
        one.runner.step()
    progress, waits = one.bulk(name).done, other.runner.step()
    one.clock[0] += LEASE_MS
    other.runner.step()
    bulk = other.bulk(name)

    assert (CHUNK, False) == (progress, waits)
    assert ("done", len(SIDS), START) == (bulk.stage, bulk.done, bulk.decided_at)
    assert [START] * len(SIDS) == [found.decided_at for found in one.live(SIDS)]


def test_what_is_done_twice_is_undone_once() -> None:
    """The chunk that was cut off finds its own decisions, and does not take them for what was there before."""
    one = Process()
    other = Process(one, "other")
    name = one.submit(SIDS)
    one.dies_after = 0
    with pytest.raises(KeyboardInterrupt):
        one.runner.step()
    one.clock[0] += LEASE_MS
    other.runner.step()
    other.office.undo(ANN, name, "soc.undone")
    other.runner.step()

    assert ("undone", []) == (other.bulk(name).stage, other.live(SIDS))


def test_a_process_that_was_thought_dead_changes_nothing_more() -> None:
    """It was only slow: what it applies late about somebody who was let pass meanwhile does not count."""
    one = Process()
    name = one.submit(SIDS[:CHUNK])
    one.runner.step()
    late = one.live(SIDS[:CHUNK])
    one.office.undo(ANN, name, "soc.undone")
    one.runner.step()
    one.registry.apply(late, START)

    assert [] == one.live(SIDS[:CHUNK])


def test_undone_while_it_runs() -> None:
    """It turns back where it is, a chunk that may be under way included; nobody is left refused."""
    one = Process()
    other = Process(one, "other")
    name = one.submit(SIDS)
    one.dies_after = 1
    with pytest.raises(KeyboardInterrupt):
        one.runner.step()
    turned = other.office.undo(ANN, name, "soc.undone").bulk
    other.runner.step()

    assert (("undoing", 2 * CHUNK), "undone", []) == (
        (turned.stage, turned.done),
        other.bulk(name).stage,
        other.live(SIDS),
    )


def test_without_the_trail_it_waits() -> None:
    """Nothing is applied that is not written first; when the trail is back it goes on."""
    one = Process()
    name = one.submit(SIDS)
    one.trail.available = False
    with pytest.raises(TrailUnavailable):
        one.runner.step()
    waiting = len(one.live(SIDS))
    one.trail.available = True
    one.runner.step()

    assert (0, "done") == (waiting, one.bulk(name).stage)


def test_the_thread_outlives_what_fails() -> None:
    """It tries again by itself, and ends when it is told to."""
    one = Process()
    one.trail.available = False
    one.runner.start()
    one.trail.available = True
    name = one.submit(SIDS[:1])
    until(lambda: one.bulk(name).stage == "done", "the bulk", seconds=10)
    one.runner.stop()

    assert 1 == len(one.live(SIDS[:1]))


def test_lines_that_are_gone_end_it() -> None:
    """Without its lines, which only a store that lost them has not, it ends rather than turning for ever."""
    one = Process()
    name = one.submit(SIDS[:3])
    seen = one.bulks.read(name, START)
    assert seen is not None
    gone = msgspec.structs.replace(seen.bulk, parts=(Part(7, 3),))
    one.bulks.change(seen, gone, START)
    one.runner.step()

    assert ("done", 0) == (one.bulk(name).stage, one.bulk(name).done)


def test_every_line_belongs_to_one_chunk() -> None:
    """A chunk is of one part; the last ones of parts are shorter."""
    parts = tuple(Part(number, size) for number, size in ((0, CHUNK + 1), (4, 1), (5, 2)))
    bulk = Bulk(
        id="b", by="ann", at=0, ends_at=1, action="revoke", reason="r", parts=parts, touched=((Scope.FAMILY, None),)
    )

    assert [0, CHUNK, CHUNK + 1, CHUNK + 2] == bulk.chunks()
    assert [(0, 0), (0, CHUNK), (4, 0), (5, 0), (5, 1)] == [
        bulk.place(line) for line in (0, CHUNK, CHUNK + 1, CHUNK + 2, CHUNK + 3)
    ]
    with pytest.raises(IndexError):
        bulk.place(CHUNK + 4)


Other = st.tuples(st.sampled_from(["before", "between", "after"]), st.sampled_from(["quarantine", "revoke", "release"]))


@given(others=st.lists(Other, max_size=4), state=st.sampled_from([State.QUARANTINED, State.REVOKED]))
def test_undoing_leaves_what_others_did(others: list[tuple[str, str]], state: State) -> None:
    """Whatever others decide before, meanwhile and after: refused in the end is whom they refuse, no less strongly."""
    one, without = Process(), Process()
    about = entry("x").subject
    order = ["before", "between", "after"]

    def act(when: str, number: int, what: str, process: Process) -> None:
        at = START + 10 * order.index(when) - 5 + number
        process.clock[0] = max(process.clock[0], at)
        if what == "release":
            process.registry.release([about], at, "eve")
        else:
            strength = State.REVOKED if what == "revoke" else State.QUARANTINED
            decided = msgspec.structs.replace(
                entry("x", state=strength), id=f"{when}{number}", decided_at=at, expires_at=FAR
            )
            process.registry.apply([decided], at)

    name = ""
    for when in order:
        for number, (moment, what) in enumerate(others):
            if moment == when:
                act(when, number, what, one)
                act(when, number, what, without)
        if when == "before":
            one.clock[0] = START
            name = one.submit(["x"], state)
            one.runner.step()
    one.office.undo(ANN, name, "soc.undone")
    one.runner.step()

    expected, is_now = _refused(without, about), _refused(one, about)

    assert (expected is None) == (is_now is None)
    # A decision that came later and was weaker stands under the bulk's: it cannot be told from the merged entry.
    assert (expected or State.RELEASED) <= (is_now or State.RELEASED)


def _refused(process: Process, about: Subject) -> State | None:
    found = process.registry.find([about], process.clock[0])[0]
    return None if found is None else found.state


def test_of_two_who_start_it_one_does() -> None:
    """Both read it while it had no lease: one of them gets it."""
    one = Process()
    name = one.submit(SIDS[:1])
    seen = one.bulks.read(name, START)
    assert isinstance(seen, Seen)
    first, second = (one.bulks.change(seen, seen.bulk, START) for _ in range(2))

    assert (True, None) == (first is not None, second)
