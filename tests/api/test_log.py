"""What one shard keeps of its newest changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.feed.log import Arrival, Log
from revocation.record import Cursor


def filled(counts: list[int], most: int = 100, start: int = 0) -> Log:
    """A log of arrivals of so many lines each, at moments 0, 1, 2, and so on."""
    log = Log(most, 10_000)
    log.restart(Cursor("e", start))
    seq = start
    for at, count in enumerate(counts):
        lines = [b"%d" % number for number in range(seq + 1, seq + 1 + count)]
        seq += count
        log.append(Cursor("e", seq), lines, at)
    return log


def test_a_log_that_has_not_begun_holds_nothing() -> None:
    """Before the first snapshot there is no place."""
    log = Log(10, 100)

    assert (False, 0) == (log.holds(Cursor("e", 0)), log.oldest)


@given(
    counts=st.lists(st.integers(1, 50), min_size=1, max_size=120),
    most=st.integers(1, 60),
    start=st.integers(0, 10),
)
def test_the_newest_lines_are_kept(counts: list[int], most: int, start: int) -> None:
    """Exactly the newest that the bound allows, and every place from which they go on is held."""
    log, last = filled(counts, most, start), start + sum(counts)
    oldest = max(start, last - most)
    held = [seq for seq in range(last + 2) if log.holds(Cursor("e", seq))]

    assert (oldest, list(range(oldest, last + 1))) == (log.oldest, held)
    assert [b"%d" % seq for seq in range(oldest + 1, last + 1)] == log.after(oldest, 10_000, 10_000)


def test_bytes_are_bounded_too() -> None:
    """Long lines leave fewer of them, at last none."""
    log = Log(100, 1000)
    log.append(Cursor("e", 3), [b"x" * 400] * 3, 0)
    kept = log.oldest
    log.append(Cursor("e", 4), [b"x" * 2000], 0)

    assert (1, 4, []) == (kept, log.oldest, log.after(4, 10, 10))


@pytest.mark.parametrize(("limit", "most_bytes", "expected"), [(2, 100, 2), (10, 3, 3), (10, 0, 1), (10, 100, 5)])
def test_a_page_is_bounded_both_ways(limit: int, most_bytes: int, expected: int) -> None:
    """In lines and in bytes, but it has a line where there is one."""
    assert expected == len(filled([5]).after(0, limit, most_bytes))


def test_lines_that_do_not_come_next_begin_the_log_anew() -> None:
    """A gap, or another epoch, leaves only what is without a gap; it is said."""
    log = filled([3])
    came_next = [
        log.append(Cursor("e", 5), [b"4", b"5"], 0),
        log.append(Cursor("e", 9), [b"9"], 0),
        log.append(Cursor("f", 10), [b"10"], 0),
    ]

    assert ([True, False, False], 9, [b"10"]) == (came_next, log.oldest, log.after(9, 10, 100))


@given(counts=st.lists(st.integers(1, 5), min_size=1, max_size=20), after=st.integers(0, 60), upto=st.integers(0, 60))
def test_arrivals_tell_when_each_change_came(counts: list[int], after: int, upto: int) -> None:
    """Every change between two places is in one arrival, with its own moment."""
    log = filled(counts)
    moments = [at for at, count in enumerate(counts) for _ in range(count)]
    told = [arrival.at for arrival in log.arrivals(after, upto, 1000) for _ in range(arrival.changes)]

    assert moments[after:upto] == told


def test_the_newest_arrivals_are_told() -> None:
    """Who acknowledges very many at once is measured by the last of them."""
    assert [Arrival(2, 3), Arrival(1, 4)] == filled([2, 2, 2, 2, 2]).arrivals(0, 9, 2)


@pytest.mark.parametrize(("seq", "expected"), [(0, 0), (1, 0), (2, 1), (5, 1), (6, None), (9, None)])
def test_a_lack_has_a_beginning(seq: int, expected: int | None) -> None:
    """Who stands at a place lacks something since the next change came."""
    assert expected == filled([2, 4]).waiting_since(seq)
