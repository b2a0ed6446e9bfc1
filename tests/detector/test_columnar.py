"""Columns side by side: made, joined, taken apart."""

import numpy as np
import pytest

from detector.batch import RefreshBatch
from detector.columnar import Columnar
from detector.tallies import Tallies

KINDS = pytest.mark.parametrize("of", [RefreshBatch, Tallies])


def plain(rows: Columnar) -> dict[str, tuple[str, list[int]]]:
    """Each column's dtype and values."""
    return {name: ((column := getattr(rows, name)).dtype.name, column.tolist()) for name in rows.SCHEMA}


@KINDS
def test_columns_that_are_not_given_hold_what_is_not_known(of: type[Columnar]) -> None:
    """Every column of the schema is there, with its dtype and its fill."""
    rows = of.of(at=[1, 2])

    assert plain(rows) == {
        name: (dtype, [1, 2] if name == "at" else [np.dtype(dtype).type(fill).item()] * 2)
        for name, (dtype, fill) in of.SCHEMA.items()
    }


@KINDS
def test_columns_are_contiguous(of: type[Columnar]) -> None:
    """Also those that were made of every second value."""
    rows = of.of(at=np.arange(10)[::2])

    assert all(getattr(rows, name).flags.c_contiguous for name in rows.SCHEMA)


@KINDS
@pytest.mark.parametrize(
    ("columns", "sentence"),
    [({"colour": [1]}, "colour"), ({"at": [1, 2], "origin": [1]}, "one length")],
    ids=["an unknown column", "two lengths"],
)
def test_columns_that_do_not_fit_are_refused(of: type[Columnar], columns: dict[str, list[int]], sentence: str) -> None:
    """One sentence says what is wrong."""
    with pytest.raises(ValueError, match=sentence):
        of.of(**columns)


@KINDS
def test_nothing_is_empty(of: type[Columnar]) -> None:
    """No rows, every column; joined of nothing it is the same."""
    assert (len(of.empty()), plain(of.concat([]))) == (0, plain(of.empty()))


@KINDS
def test_parts_are_joined_in_order(of: type[Columnar]) -> None:
    """The rows of one after those of another, with the same dtypes."""
    rows = of.of(at=[3, 1, 2], origin=[5, 6, 7])

    joined = of.concat([rows.take(slice(0, 2)), of.empty(), rows.take(slice(2, 3))])

    assert plain(joined) == plain(rows)


@pytest.mark.parametrize(
    ("chosen", "at"),
    [(slice(1, 3), [1, 2]), (np.array([2, 0]), [2, 3]), (np.array([True, False, True]), [3, 2])],
    ids=["a span", "places", "a mask"],
)
def test_rows_are_taken_in_the_order_asked_for(chosen: slice, at: list[int]) -> None:
    """By span, by place, by mask."""
    assert RefreshBatch.of(at=[3, 1, 2]).take(chosen).at.tolist() == at
