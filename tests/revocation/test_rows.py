"""The table of a replica: entries in arrays."""

import random
import tracemalloc
from collections.abc import Iterator

import msgspec
from hypothesis import given
from hypothesis import strategies as st

import revocation.rows
from revocation.record import NEVER, Revocation, Scope, State, Subject
from revocation.rows import LEAST_PLACES, ROOM, Rows
from tests.revocation.entries import entry, subject

MINUTE = 60_000
MOMENTS = st.integers(0, 2**53 - 1)


def known(rows: Rows) -> list[Revocation]:
    """Every entry of the table, sorted by whom it is about."""
    found = [rows.entry(row) for row in range(1, rows.size)]
    return sorted((each for each in found if each is not None), key=lambda each: each.subject)


def nobody(each: Revocation) -> Revocation:
    """The same entry without who decided, which a replica does not keep."""
    return msgspec.structs.replace(each, actor="")


@st.composite
def entries(draw: st.DrawFn) -> Revocation:
    """Any entry."""
    state, decided_at = draw(st.sampled_from(State)), draw(MOMENTS)
    released = st.integers(decided_at, 2**53 - 1) if state is State.RELEASED else st.integers(NEVER, decided_at - 1)
    return Revocation(
        id=draw(st.text(max_size=40) | st.binary(min_size=16, max_size=16).map(bytes.hex)),
        subject=Subject(draw(st.sampled_from(Scope)), draw(st.sampled_from(DIGESTS))),
        state=state,
        reasons=tuple(draw(st.lists(st.sampled_from(["a", "b"]), max_size=2))),
        decided_at=decided_at,
        expires_at=draw(MOMENTS),
        not_before=draw(MOMENTS),
        actor="",
        released_at=draw(released),
    )


DIGESTS = [bytes([number]) * 16 for number in range(4)]


@given(st.lists(st.tuples(entries(), st.integers(0, 2**16 - 1)), max_size=20))
def test_what_was_put_last_is_found(puts: list[tuple[Revocation, int]]) -> None:
    """Whatever is put, each digest's last entry and generation are found, and counted by scope and state."""
    rows = Rows()
    expected: dict[bytes, tuple[Revocation, int]] = {}
    for each, generation in puts:
        rows.put(each, generation)
        expected[each.subject.digest] = (each, generation)

    found = {digest: rows.find(digest) for digest in DIGESTS}
    assert expected == {digest: (rows.entry(row), rows.generation(row)) for digest, row in found.items() if row}
    last = [each for each, _ in expected.values()]
    assert (len(last), sum(each.state is State.RELEASED for each in last)) == (rows.count, rows.tombstones)
    assert {each.subject.scope for each in last} == {scope for scope in Scope if rows.holds(scope)}


def test_rows_of_ended_entries_are_used_again() -> None:
    """A thousand entries that end each minute never take more rows than live at once, and all are found meanwhile."""
    rows = Rows()
    for minute in range(1, 20):
        batch = [entry(subject(f"{minute}-{n}"), expires_at=(minute + 1) * MINUTE - 1) for n in range(1_000)]
        for each in batch:
            rows.put(each)
        rows.sweep(minute * MINUTE, 10_000)

        assert sorted(map(nobody, batch), key=lambda each: each.subject) == known(rows)
    assert rows.size <= 2 * 1_000 + 1


def test_an_index_full_of_dropped_rows_is_made_anew() -> None:
    """Places of dropped rows do not fill the index: a search for somebody unknown always ends."""
    rows = Rows()
    for number in range(4 * LEAST_PLACES):
        rows.put(entry(subject(f"s{number}"), expires_at=MINUTE))
        rows.sweep(2 * MINUTE, 10)

    assert (0, 0) == (rows.count, rows.find(subject("nobody").digest))
    index = rows._index  # noqa: SLF001 - its bound is the claim
    assert sum(place != 0 for place in index) <= len(index) // ROOM


def test_ids_of_other_systems_come_back() -> None:
    """An id that is no 16 bytes in hexadecimal is kept as it is, replaced and forgotten with its row."""
    rows = Rows()
    ids = ["another system's", "5D1F0C7B9A3E4D2F8C6B7A1E0F9D8C7B", "5d1f0c7b9a3e4d2f8c6b7a1e0f9d8c7b", "x" * 32]
    for each in ids:
        rows.put(entry(subject("ann"), id=each))

        assert [each] == [found.id for found in known(rows)]


def test_reasons_are_kept_once_and_forgotten() -> None:
    """Reasons that nobody has any more make room for others."""
    rows = Rows()
    for number in range(100):
        rows.put(entry(subject("ann"), reasons=(f"reason {number}",)))
        rows.put(entry(subject("bob"), reasons=(f"reason {number}",)))

    assert [("reason 99",), ("reason 99",)] == [found.reasons for found in known(rows)]
    assert len(rows._reasons._lists) < 5  # noqa: SLF001 - its bound is the claim


def test_an_entry_takes_few_bytes() -> None:
    """Thirty thousand entries take less than 130 bytes each, index and expiries included."""
    count, digests = 30_000, random.Random(1)  # noqa: S311 - digests of nobody

    def made() -> Iterator[Revocation]:
        for number in range(count):
            about = Subject(Scope.FAMILY, digests.randbytes(16))
            yield entry(about, id=f"{number:032x}", expires_at=number % 1440 * MINUTE + MINUTE)

    tracemalloc.start()
    rows = Rows()
    for each in made():
        rows.put(each)
    own = tracemalloc.Filter(inclusive=True, filename_pattern=revocation.rows.__file__)
    traces = tracemalloc.take_snapshot().filter_traces([own]).traces  # a coverage's own memory is not theirs
    tracemalloc.stop()
    taken = sum(trace.size for trace in traces)

    assert (count, True) == (rows.count, taken / count < 130), taken / count


def test_what_was_prolonged_is_not_forgotten() -> None:
    """A row that is looked at in the minute of its old end stays, and sweeping stops at its limit."""
    rows = Rows()
    for number in range(3):
        rows.put(entry(subject(f"s{number}"), expires_at=MINUTE - 1))
    rows.put(entry(subject("s0"), expires_at=5 * MINUTE))
    counts = []
    for _ in range(3):
        rows.sweep(MINUTE, 2)
        counts.append(rows.count)

    assert ([1, 1, 1], [5 * MINUTE]) == (counts, [each.expires_at for each in known(rows)])


def test_entries_of_one_scope_are_found() -> None:
    """Those that stand, released ones too; rows of other scopes and rows that are free are passed over."""
    rows = Rows()
    one, two = (entry(subject(name, Scope.ORIGIN), id=bytes(16).hex()) for name in ("one", "two"))
    ended = entry(subject("ended", Scope.ORIGIN), expires_at=2_000)
    for each in (one, ended, entry(subject("ann")), two):
        rows.put(each)
    rows.sweep(MINUTE, 10)

    assert [nobody(one), nobody(two)] == list(rows.of_scope(Scope.ORIGIN))
