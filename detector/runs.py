"""Runs: the events of each key side by side, in order of arrival; the one vector trick, in one place.

Sort the keys stably, and every "before this event, of the same key" becomes a shift, a running sum or a running maximum
inside a run. Names carry the axis: `per_event` arrays stand in sorted order, `per_run` arrays have one row a key.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T", bound=np.generic)

MOST_EVENTS = 1 << 16
"""How many events one Runs may hold: an arrival number fits into 16 bits."""

MOST_TIME = 1 << 44
"""Times are below this (the year 2527 in milliseconds), so that a run's number fits above them in 63 bits."""

_LOW = np.uint64(MOST_EVENTS - 1)
_HIGH = ~_LOW


def stable_order(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The stable sorting order of at most `MOST_EVENTS` keys, (n,) int64.

    The arrival number replaces the low 16 bits of the key, so that one plain sort (several times as fast as a stable
    argsort) orders both. Keys that differ in those bits alone would mix: then, some once in 100,000 batches or when
    somebody means it, the slow way is taken.
    """
    mixed = keys & _HIGH
    mixed |= np.arange(len(keys), dtype=np.uint64)
    mixed.sort()
    order = (mixed & _LOW).astype(np.int64)
    in_order = keys[order]
    if np.any(in_order[1:] < in_order[:-1]):
        return np.argsort(keys, kind="stable")
    same_high = (mixed[1:] & _HIGH) == (mixed[:-1] & _HIGH)
    if np.any(same_high & (in_order[1:] != in_order[:-1])):
        return np.argsort(keys, kind="stable")
    return order


class Runs:
    """The n events that have a key (not 0), sorted into r runs.

    Attributes:
        order: (n,) int64, the batch rows in sorted order.
        keys: (r,) uint64, ascending.
        starts, lasts: (r,) int64, where each run begins and ends in sorted order.
        run: (n,) int64, the run of each event.
        first: (n,) bool, whether the event is its run's first.
    """

    __slots__ = ("first", "keys", "lasts", "order", "run", "starts")

    def __init__(self, keys: NDArray[np.uint64]) -> None:
        order = stable_order(keys)
        in_order = keys[order]
        nobody = int(np.searchsorted(in_order, 1))
        self._group(order[nobody:], in_order[nobody:])

    def _group(self, order: NDArray[np.int64], in_order: NDArray[np.uint64]) -> None:
        self.order = order
        self.first = np.ones(len(in_order), bool)
        np.not_equal(in_order[1:], in_order[:-1], out=self.first[1:])
        self.starts = np.flatnonzero(self.first)
        self.lasts = np.append(self.starts[1:], len(in_order))[: len(self.starts)] - 1
        self.keys = in_order[self.starts]
        self.run = np.cumsum(self.first) - 1

    def where(self, chosen: NDArray[np.bool_]) -> "Runs":
        """The chosen events alone, (n,) in sorted order; a run without any is left out."""
        runs = object.__new__(Runs)
        runs._group(self.order[chosen], self.keys[self.run[chosen]])
        return runs

    def only(self, chosen: NDArray[np.int64]) -> "Runs":
        """The chosen runs alone, ascending."""
        return self.where(self.of(chosen))

    def __len__(self) -> int:
        return len(self.keys)

    def of(self, chosen: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether each event is of one of the chosen runs."""
        per_run = np.zeros(len(self), bool)
        per_run[chosen] = True
        per_event: NDArray[np.bool_] = per_run[self.run]
        return per_event

    def before(self, per_event: NDArray[np.int64], head_per_run: NDArray[np.int64]) -> NDArray[np.int64]:
        """The value of the event before, in the same run; a run's first event gets its head."""
        shifted = np.empty_like(per_event)
        shifted[1:] = per_event[:-1]
        shifted[self.starts] = head_per_run
        return shifted

    def count_before(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many chosen events of the same run came before each event."""
        until: NDArray[np.int64] = np.cumsum(chosen) - chosen
        before: NDArray[np.int64] = until - until[self.starts][self.run]
        return before

    def total(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """How many chosen events each run has, (r,)."""
        until: NDArray[np.int64] = np.append(0, np.cumsum(chosen))
        total: NDArray[np.int64] = until[self.lasts + 1] - until[self.starts]
        return total

    def running_max(self, per_event: NDArray[np.int64], head_per_run: NDArray[np.int64]) -> NDArray[np.int64]:
        """The largest of the head and the values up to and with each event; values from -1 to `MOST_TIME`."""
        # A run's number above the value makes one accumulate serve all runs: no run's maximum reaches into the next.
        lifted = per_event.copy()
        lifted[self.starts] = np.maximum(lifted[self.starts], head_per_run)
        lifted += self.run * MOST_TIME
        np.maximum.accumulate(lifted, out=lifted)
        lifted -= self.run * MOST_TIME
        return lifted

    def last_before(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The sorted position of the last chosen event before each event in its run, or -1."""
        position = np.where(chosen, np.arange(len(chosen)), -1)
        latest = np.maximum.accumulate(position, out=position) if len(position) else position
        before = np.empty_like(latest)
        before[1:] = latest[:-1]
        before[:1] = -1
        return np.where(before >= self.starts[self.run], before, -1)


class Trail:
    """What each event of a run looks back on: the key's last `width` remembered entries, then the batch's own.

    All runs' entries lie in one flat array, a run's memory before its own entries; an event looks back by counting down
    from its slot.
    """

    __slots__ = ("_entering", "_heads", "_own", "_total", "slot")

    def __init__(self, runs: Runs, entering: NDArray[np.bool_], width: int) -> None:
        per_run = runs.total(entering)
        offset = np.cumsum(per_run) - per_run + np.arange(len(runs)) * width
        self._entering = entering
        #: (n,) where the event's own entry stands or would stand: `slot - 1` is the newest entry before it.
        self.slot = offset[runs.run] + width + runs.count_before(entering)
        self._heads = offset[:, None] + np.arange(width)
        self._own = self.slot[entering]
        self._total = int(per_run.sum()) + len(runs) * width

    def lay(self, memory: NDArray[T], per_event: NDArray[T]) -> NDArray[T]:
        """Lay entries out: `memory` (r, width, ...) is oldest first; of `per_event` (n, ...) the entering count."""
        flat = np.empty((self._total, *memory.shape[2:]), memory.dtype)
        flat[self._heads] = memory
        flat[self._own] = per_event[self._entering]
        return flat
