"""Tables: rows by key, bounded, forgetting the key not seen for longest."""

import numpy as np
import pytest

from detector.runs import MOST_EVENTS, Runs
from detector.table import Keyed, Table


def keys(*numbers: int) -> np.ndarray:
    """Keys as a table wants them."""
    return np.array(numbers, np.uint64)


def table(capacity: int = 8) -> Table:
    """A small table with a plain and a wide column."""
    return Table(capacity, {"count": np.dtype("int64"), "ring": np.dtype([("ring", "u4", (3,))])})


def seen(a_table: Table, *numbers: int, at: int) -> None:
    """Let the keys be seen at a second."""
    Keyed.look_up(a_table, Runs(keys(*numbers)), np.full(len(numbers), at * 1000))


def test_new_keys_get_rows_of_zeros() -> None:
    """A new row is all zeros; a known key keeps its row."""
    a_table = table()
    rows = a_table.rows(keys(3, 9))
    a_table.write("count", rows, np.array([30, 90]))

    rows = a_table.rows(keys(3, 5, 9))
    assert a_table.read("count", rows).tolist() == [30, 0, 90]
    assert a_table.read("ring", rows)["ring"].tolist() == [[0, 0, 0]] * 3


def test_the_quarter_not_seen_for_longest_goes() -> None:
    """Of eight keys the two oldest go, of equals the smaller key; the rest keep what they hold, and it is counted."""
    a_table = table()
    seen(a_table, 5, 6, 7, 8, at=10)
    seen(a_table, 1, 2, 3, 4, at=20)
    seen(a_table, 5, at=30)

    a_table.make_room()

    assert a_table.arrays()["keys"].tolist() == [1, 2, 3, 4, 5, 8]
    assert a_table.evicted == 2
    a_table.check()


def test_fits_counts_the_events_before_the_first_key_without_room() -> None:
    """A table for eight that holds six has room for two new keys, wherever they stand in the batch."""
    a_table = table()
    a_table.rows(keys(1, 2, 3, 4, 5, 6))

    assert a_table.fits(Runs(keys(1, 9, 9, 2, 8, 7, 3))) == 5
    assert a_table.fits(Runs(keys(1, 9, 9, 2, 8, 3, 4))) == MOST_EVENTS
    assert a_table.fits(Runs(keys(9, 8))) == MOST_EVENTS


def test_a_freed_row_is_used_again_and_starts_anew() -> None:
    """Rows are not lost by forgetting, and a new key does not inherit."""
    a_table = table()
    rows = a_table.rows(keys(1, 2, 3, 4, 5, 6, 7, 8))
    a_table.write("count", rows, np.array(99))

    a_table.make_room()

    rows = a_table.rows(keys(20, 21))
    assert a_table.read("count", rows).tolist() == [0, 0]
    a_table.check()


def test_arrays_are_taken_back() -> None:
    """A table loaded from another's arrays has its keys, values and count of the forgotten."""
    one, other = table(), table()
    seen(one, 1, 2, 3, 4, 5, 6, 7, 8, at=1)
    one.make_room()
    row = one.rows(keys(5))
    one.write("count", row, np.array(55))

    other.load(one.arrays())

    row = other.rows(keys(5))
    assert other.read("count", row).tolist() == [55]
    assert other.evicted == one.evicted
    other.check()


@pytest.mark.parametrize("broken", ["a column too few", "too many keys"])
def test_arrays_of_another_table_are_refused(broken: str) -> None:
    """A snapshot of another schema or a larger table is no snapshot of this one."""
    larger = table(16)
    larger.rows(np.arange(1, 17, dtype=np.uint64))
    arrays = larger.arrays()
    if broken == "a column too few":
        arrays = {n: a[:4] for n, a in arrays.items() if n != "ring"}

    with pytest.raises(ValueError, match="does not fit"):
        table().load(arrays)


def test_a_table_needs_four_rows() -> None:
    """A quarter of the capacity must be a row."""
    with pytest.raises(ValueError, match="at least 4; got 3"):
        table(3)


def test_it_grows_only_as_far_as_its_capacity() -> None:
    """Rows are made as they are needed, never more than the capacity."""
    a_table = table(3000)
    a_table.rows(np.arange(1, 1501, dtype=np.uint64))
    a_table.rows(np.arange(1, 3001, dtype=np.uint64))

    assert len(a_table) == 3000
    assert a_table.bytes_per_row == 4 + 8 + 3 * 4 + 12
    a_table.check()
