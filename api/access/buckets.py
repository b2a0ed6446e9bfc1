"""How often each of many may do something: a token bucket a name, as one number a name (GCRA). PURE.

A bucket is the moment at which it will be full again. It empties in one burst and fills evenly.
"""

from collections import OrderedDict
from collections.abc import Hashable
from math import ceil
from typing import NamedTuple

MOST = 10_000
"""Names remembered; the one that came longest ago is forgotten first, and so has a full bucket again."""


class Taken(NamedTuple):
    """What became of one wish."""

    allowed: bool
    #: How many more may be had at once.
    left: int
    #: Seconds until the bucket is full; where nothing was taken: until there is one.
    seconds: int


class Buckets:
    """`quota` within `window_s` seconds for each name; at most `most` names."""

    def __init__(self, quota: int, window_s: float, *, most: int = MOST) -> None:
        self.quota = quota
        self._window = window_s * 1000
        self._each = self._window / quota
        self._most = most
        #: When the bucket of each name is full, epoch milliseconds; names in the order of their last wish.
        self._full: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        """How many names are remembered."""
        return len(self._full)

    def has(self, name: Hashable, now: int) -> bool:
        """Whether there is one to be had, without taking it."""
        return self._after(name, now) - now <= self._window

    def take(self, name: Hashable, now: int) -> Taken:
        """Take one, if there is one."""
        full = self._after(name, now)
        wait = full - now - self._window
        if wait > 0:
            return Taken(False, 0, ceil(wait / 1000))
        self._full[name] = full
        self._full.move_to_end(name)
        if len(self._full) > self._most:
            self._full.popitem(last=False)
        return Taken(True, int(-wait / self._each), ceil((full - now) / 1000))

    def _after(self, name: Hashable, now: int) -> float:
        """When the bucket were full again if one was taken now; a clock that was put back costs one window at most."""
        return min(max(self._full.get(name, 0.0), now), now + self._window) + self._each
