"""The newest changes of one shard as lines of the feed, bounded in count and bytes.

The lines are encoded once, by the thread that follows the registry, and joined for each reader. What is older than the
oldest of them is read from the registry itself (`api.feed.past`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from revocation.record import Cursor

SPARE = 1024
"""Dead places at the front of a list before it is cut: cutting at each change would move the whole list each time."""


class Arrival(NamedTuple):
    """Some changes that came together."""

    changes: int
    #: Epoch milliseconds.
    at: int


class Log:
    """Keeps at most `most_lines` lines and `most_bytes` bytes of them. Only the event loop's thread touches it."""

    def __init__(self, most_lines: int, most_bytes: int) -> None:
        self._most_lines = most_lines
        self._most_bytes = most_bytes
        #: The place after the newest line; None before the shard's first snapshot.
        self.cursor: Cursor | None = None
        #: The lines, the newest last; those before `_first` are dead and empty.
        self._lines: list[bytes] = []
        self._first = 0
        #: Bytes of the living lines.
        self._held = 0
        #: The number of the last change of each arrival, ascending, and when it came; as many in both.
        self._ends: list[int] = []
        self._times: list[int] = []

    @property
    def oldest(self) -> int:
        """The number of the change before the oldest line."""
        return 0 if self.cursor is None else self.cursor.seq - len(self._lines) + self._first

    def restart(self, cursor: Cursor) -> None:
        """Forget everything, and go on from a place."""
        self.cursor = cursor
        self._lines, self._first, self._held = [], 0, 0
        self._ends, self._times = [], []

    def append(self, cursor: Cursor, lines: Sequence[bytes], at: int) -> bool:
        """Take the lines that lead to `cursor`; say whether they came next, else the log begins anew with them."""
        before = Cursor(cursor.epoch, cursor.seq - len(lines))
        came_next = self.cursor == before
        if not came_next:
            self.restart(before)
        self._lines += lines
        self._held += sum(map(len, lines))
        self.cursor = cursor
        self._ends.append(cursor.seq)
        self._times.append(at)
        self._trim()
        return came_next

    def holds(self, cursor: Cursor) -> bool:
        """Whether all that came after this place is here."""
        ours = self.cursor
        return ours is not None and cursor.epoch == ours.epoch and self.oldest <= cursor.seq <= ours.seq

    def after(self, seq: int, limit: int, most_bytes: int) -> list[bytes]:
        """The lines after a place that is held: as many as both bounds allow, but one at least where there is one."""
        start = self._first + seq - self.oldest
        lines = self._lines[start : start + limit]
        fitting = bisect_right(list(accumulate(map(len, lines))), most_bytes)
        return lines[: max(1, fitting)]

    def arrivals(self, after: int, upto: int, most: int) -> list[Arrival]:
        """When the changes in (`after`, `upto`] came, as far as that is remembered: the newest `most` arrivals."""
        first, last = bisect_right(self._ends, after), bisect_left(self._ends, upto) + 1
        first = max(first, last - most)
        ends = self._ends[first:last]
        if not ends:
            return []
        # Part of the first may have been known before, and the last may go on beyond.
        begin = max(after, self._ends[first - 1] if first else self.oldest)
        edges = pairwise([begin, *ends[:-1], min(upto, ends[-1])])
        times = self._times[first:last]
        return [Arrival(end - start, at) for (start, end), at in zip(edges, times, strict=True) if end > start]

    def waiting_since(self, seq: int) -> int | None:
        """When the first change after this place came, or the oldest that is remembered; None where there is none."""
        place = bisect_right(self._ends, seq)
        return self._times[place] if place < len(self._times) else None

    def _trim(self) -> None:
        while len(self._lines) - self._first > self._most_lines or self._held > self._most_bytes:
            self._held -= len(self._lines[self._first])
            self._lines[self._first] = b""
            self._first += 1
        if self._first > max(SPARE, len(self._lines) // 2):
            del self._lines[: self._first]
            self._first = 0
        gone = bisect_right(self._ends, self.oldest)
        if gone > max(SPARE, len(self._ends) // 2):
            del self._ends[:gone], self._times[:gone]
