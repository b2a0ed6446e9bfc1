"""Retelling: the trail's entries lead to the registry's own state."""

from hypothesis import given
from hypothesis import strategies as st

from revocation.audit import Event
from revocation.chain import Chain, Record
from revocation.feed import Entry, public
from revocation.memory import MemoryRegistry
from revocation.record import Revocation, State, release
from revocation.retelling import Abandoned, Difference, Retelling, read_record
from tests.revocation.entries import entry, subject

NAMES = st.sampled_from(["ann", "bob"])
STATES = st.sampled_from([State.QUARANTINED, State.REVOKED])
DECISIONS = st.builds(
    lambda name, state, at, lasts: entry(
        subject(name), state, decided_at=at, expires_at=at + lasts, id=f"{name}{at}", actor=name
    ),
    NAMES,
    STATES,
    st.integers(0, 50),
    st.integers(1, 60),
)


def record(*entries: Entry | Revocation, at: int = 0, number: int = 0, action: str = "revoke") -> Record:
    """A record of the chain `api-1` with these entries."""
    given = tuple(one if isinstance(one, Entry) else public(one, with_actor=True) for one in entries)
    event = Event(at=at, actor="ann", via="cli", action=action, entries=given)
    return Record(chain="api-1", number=number, previous="", event=event)


def test_a_line_is_read_back() -> None:
    """What was sealed is read as it was; anything else is None."""
    event = record(entry()).event
    (sealed,) = Chain("api-1").seal([event])
    read = read_record(sealed.line)

    assert (event, None, None) == (read and read.event, read_record(b"{}"), read_record(b"\xff"))


@given(st.lists(st.tuples(st.integers(0, 60), st.one_of(DECISIONS, NAMES)), max_size=20))
def test_every_state_is_retold(steps: list[tuple[int, Revocation | str]]) -> None:
    """Decisions and releases in any order, merged, ended and made anew: at every moment both say the same."""
    registry, retelling = MemoryRegistry("live"), Retelling()
    now = 0
    for wait, step in steps:
        now += wait
        found = registry.find([subject(step)], now) if isinstance(step, str) else [step]
        given_ = [release(one, now, "ann") if isinstance(step, str) else one for one in found if one is not None]
        retelling.tell(record(*given_, at=now))
        registry.apply(given_, now)

        assert [] == retelling.differences(registry.snapshot().entries, now)
        live = {one.subject: one for one in registry.snapshot().entries if one.expires_at > now}
        assert live == retelling.entries(now)


def test_what_differs_is_told_from_both_sides() -> None:
    """An entry that only one of them has, and one that they have otherwise; what has ended is left out."""
    retelling = Retelling()
    both, longer = entry(subject("both")), entry(subject("both"), expires_at=200_000)
    told, there, ended = entry(subject("told")), entry(subject("there")), entry(subject("ended"), expires_at=1_001)
    retelling.tell(record(both, told, ended))

    found = {one.subject: one for one in retelling.differences([longer, there], 2_000)}
    assert found == {
        both.subject: Difference(both.subject, both, longer),
        told.subject: Difference(told.subject, told, None),
        there.subject: Difference(there.subject, None, there),
    }


def test_what_nobody_acted_on_is_left_out() -> None:
    """A later chain says behind which record of the first one nothing was applied."""
    abandoned = Abandoned()
    for details in ({"chain": "api-1", "after": "0"}, {"chain": "api-1", "after": "x"}):
        event = Event(at=5, actor="api", via="trail", action="abandoned", details=details)
        abandoned.read(Record(chain="api-2", number=0, previous="", event=event))
    retelling = Retelling(abandoned)
    retelling.tell(record(entry(subject("ann")), number=0))
    retelling.tell(record(entry(subject("bob")), number=1))
    retelling.tell(record(number=2))

    assert (1, 1, [subject("ann")]) == (retelling.applied, retelling.skipped, list(retelling.entries(0)))


def test_an_entry_that_contradicts_itself_is_counted() -> None:
    """It cannot have been applied; the others of its record are."""
    retelling = Retelling()
    broken = Entry(
        scope=subject().scope, digest="00", state="revoked", reasons=(), id="x", decided_at=1, expires_at=2_000
    )
    retelling.tell(record(broken, entry()))

    assert (1, [subject()]) == (retelling.unreadable, list(retelling.entries(0)))
