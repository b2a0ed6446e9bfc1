"""Table: what is remembered of each key; arrays only, bounded, evicts by stream time, counts what it evicts.

A sorted index finds rows in O(log n) whatever the keys are, so nobody can make it slow by choosing them (a hash table's
worst case is somebody's attack). When a new key finds the table full, the quarter goes that was not seen for longest.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.runs import MOST_EVENTS, Runs

SMALLEST = 4
"""The least capacity: a quarter of it is still one row."""

LATEST_S = 2**32 - 1
"""The latest second that is told from later ones: in the year 2106."""

_FIRST_ROWS = 1024


class Table:
    """Rows of columns by 64-bit key; a new row is all zeros.

    What a signal reads and writes together is one column of structured dtype: one miss of the cache a row, not several.

    Attributes:
        evicted: how many keys were forgotten for want of room.
    """

    def __init__(self, capacity: int, schema: Mapping[str, np.dtype[Any]]) -> None:
        if capacity < SMALLEST:
            raise ValueError(f"A table needs a capacity of at least {SMALLEST}; got {capacity}.")
        self.capacity = capacity
        self.evicted = 0
        self._schema = {"seen": np.dtype("u4"), **schema}  # seconds of stream time
        self._keys = np.empty(0, np.uint64)  #: ascending, one of each
        self._rows = np.empty(0, np.int32)  #: the row of each of `_keys`
        self._free = np.empty(0, np.int32)  #: rows that no key has; with `_rows` they are all rows, once
        self._columns: dict[str, NDArray[Any]] = {name: np.zeros(0, dtype) for name, dtype in self._schema.items()}

    def __len__(self) -> int:
        return len(self._keys)

    def read(self, column: str, rows: NDArray[np.int64]) -> NDArray[Any]:
        """A copy of the column at the rows that `rows` gave."""
        return self._columns[column].take(rows, axis=0)

    def write(self, column: str, rows: NDArray[np.int64], values: NDArray[Any]) -> None:
        """Put values of the column's dtype at distinct rows."""
        np.put(
            self._columns[column], rows, values
        )  # on structured dtypes some ten times as fast as column[rows] = values

    @property
    def bytes_per_row(self) -> int:
        """What one key costs, index and free list included."""
        return sum(dtype.itemsize for dtype in self._schema.values()) + 8 + 4

    def write_at(self, column: str, rows: NDArray[np.int64], places: NDArray[np.int64], values: NDArray[Any]) -> None:
        """Put values into a column whose rows are rings, at distinct (row, place)."""
        rings = self._columns[column]
        flat = rings.view(values.dtype)
        np.put(flat, rows * (rings.dtype.itemsize // values.dtype.itemsize) + places, values)

    def fits(self, runs: Runs) -> int:
        """How many of the batch's first events can be looked up before a new key finds the table full."""
        room = self.capacity - len(self)
        if len(runs) <= room:
            return MOST_EVENTS
        return self._first_beyond(room, runs.order[runs.starts[self._find(runs.keys) < 0]])

    def fits_events(self, columns: Iterable[NDArray[np.uint64]]) -> int:
        """The same for events that have several keys each, columns (n,), 0 is no key; quick where most are known."""
        new = [(np.flatnonzero((keys != 0) & (self._find(keys) < 0)), keys) for keys in columns]
        events = np.concatenate([found for found, _ in new])
        keys = np.concatenate([keys[found] for found, keys in new])
        in_order = np.argsort(events, kind="stable")
        first = np.unique(keys[in_order], return_index=True)[1]
        return self._first_beyond(self.capacity - len(self), events[in_order][first])

    @staticmethod
    def _first_beyond(room: int, arrival: NDArray[np.int64]) -> int:
        return MOST_EVENTS if len(arrival) <= room else int(np.sort(arrival)[room])

    def rows(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The row of each of the ascending, distinct `keys`; new keys get new rows. There must be room (`fits`)."""
        rows = self._find(keys)
        new = np.flatnonzero(rows < 0)
        if len(new):
            rows[new] = self._add(keys[new])
        return rows

    def make_room(self) -> None:
        """Forget a quarter of the capacity: the keys not seen for longest (of equals, the smaller key)."""
        leaving = np.lexsort((self._keys, self._columns["seen"][self._rows]))[: self.capacity // 4]
        self._free = np.concatenate([self._free, self._rows[leaving]])
        self._keys = np.delete(self._keys, leaving)
        self._rows = np.delete(self._rows, leaving)
        self.evicted += len(leaving)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything that is remembered, by key ascending; `load` takes it back."""
        kept = {name: column[self._rows] for name, column in self._columns.items()}
        return {"keys": self._keys.copy(), "evicted": np.array([self.evicted]), **kept}

    def load(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Remember what `arrays` gave.

        Raises:
            ValueError: it is not of this table's schema, or more than its capacity.
        """
        keys = arrays["keys"]
        if arrays.keys() != {"keys", "evicted", *self._schema} or len(keys) > self.capacity:
            raise ValueError("The snapshot does not fit this table; start without it, or with its configuration.")
        self.evicted = int(arrays["evicted"][0])
        self._keys = keys.copy()
        self._rows = np.arange(len(keys), dtype=np.int32)
        self._free = np.empty(0, np.int32)
        self._columns = {name: arrays[name].astype(dtype, copy=True) for name, dtype in self._schema.items()}

    def check(self) -> None:
        """Assert what the comments of the fields promise."""
        rows = np.concatenate([self._rows, self._free])
        assert len(self) <= self.capacity, "more keys than the capacity"  # noqa: S101 - this is what check() is for
        assert np.all(self._keys[1:] > self._keys[:-1]), "keys not ascending"  # noqa: S101
        assert np.array_equal(np.sort(rows), np.arange(len(self._columns["seen"]))), "a row lost"  # noqa: S101

    def _find(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        if not len(self):
            return np.full(len(keys), -1, np.int64)
        place = np.minimum(np.searchsorted(self._keys, keys), len(self) - 1)
        rows: NDArray[np.int64] = np.where(self._keys[place] == keys, self._rows[place].astype(np.int64), -1)
        return rows

    def _add(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        if len(self._free) < len(keys):
            self._grow(len(keys) - len(self._free))
        rows, self._free = self._free[: len(keys)].astype(np.int64), self._free[len(keys) :]
        for column in self._columns.values():
            column[rows] = np.zeros((), column.dtype)
        place = np.searchsorted(self._keys, keys)
        self._keys = np.insert(self._keys, place, keys)
        self._rows = np.insert(self._rows, place, rows)
        return rows

    def _grow(self, least: int) -> None:
        have = len(self._columns["seen"])
        more = min(max(least, have, _FIRST_ROWS), self.capacity - have)
        self._free = np.concatenate([self._free, np.arange(have, have + more, dtype=np.int32)])
        self._columns = {n: np.concatenate([old, np.zeros(more, old.dtype)]) for n, old in self._columns.items()}


class Keyed(NamedTuple):
    """A batch grouped by one kind of key; times are whole seconds of stream time.

    The table that remembers, the rows (r,) of the runs' keys in it, the runs; for each event, (n,) in sorted order,
    the latest time its key was seen at up to and with it, and before it (0: never).
    """

    table: Table
    rows: NDArray[np.int64]
    runs: Runs
    latest: NDArray[np.int64]
    before: NDArray[np.int64]

    @classmethod
    def look_up(cls, table: Table, runs: Runs, at: NDArray[np.int64]) -> "Keyed":
        """Find or make the rows of the runs' keys, and note that they were seen `at` (n,) ms; there must be room."""
        rows = table.rows(runs.keys)
        head = table.read("seen", rows).astype(np.int64)
        latest = runs.running_max(np.minimum(at[runs.order] // 1000, LATEST_S), head)
        table.write("seen", rows, latest[runs.lasts].astype(np.uint32))
        return cls(table, rows, runs, latest, runs.before(latest, head))

    def where(self, chosen: NDArray[np.bool_]) -> "Keyed":
        """The chosen events alone, (n,) in the batch's order; nothing is read or written for the others."""
        here = chosen[self.runs.order]
        rows = self.rows[np.flatnonzero(self.runs.total(here))]
        return Keyed(self.table, rows, self.runs.where(here), self.latest[here], self.before[here])
