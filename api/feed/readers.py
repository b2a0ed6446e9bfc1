"""How many read the feed at once, and what they share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from api.feed.recent import Page
from api.problems import BUSY, Refused
from revocation.record import Position

Kind = Literal["poll", "stream", "snapshot"]

SHARED = 16
"""Encoded pages that are kept for the next reader: readers of one moment are at very few places."""


class Readers:
    """Counts readers; at most `following` wait or stream, at most `copying` read a snapshot."""

    def __init__(self, following: int, copying: int) -> None:
        self._following = following
        self._copying = copying
        #: Readers now; polls that are answered at once are not among them.
        self.now: dict[Kind, int] = {"poll": 0, "stream": 0, "snapshot": 0}
        #: Readers that were sent for a snapshot.
        self.resyncs = 0

    @contextmanager
    def one(self, kind: Kind) -> Iterator[None]:
        """One reader more while the block runs.

        Raises:
            Refused: there are too many.
        """
        now = self.now
        full = (
            now["snapshot"] >= self._copying if kind == "snapshot" else now["poll"] + now["stream"] >= self._following
        )
        if full:
            raise Refused(BUSY)
        now[kind] += 1
        try:
            yield
        finally:
            now[kind] -= 1


class Shared:
    """Encoded pages, for `keep_ms` at most: what lies between two positions never changes, but its age does."""

    def __init__(self, encode: Callable[[Page], bytes], keep_ms: int) -> None:
        self._encode = encode
        self._keep_ms = keep_ms
        #: Text and the moment it was made, oldest first.
        self._made: dict[tuple[Position, Position], tuple[bytes, int]] = {}

    def text(self, page: Page, now: int) -> bytes:
        """The page as it is sent."""
        key = (page.start, page.end)
        made = self._made.get(key)
        if made is not None and 0 <= now - made[1] <= self._keep_ms:
            return made[0]
        text = self._encode(page)
        self._made.pop(key, None)
        while len(self._made) >= SHARED:
            del self._made[next(iter(self._made))]
        self._made[key] = (text, now)
        return text

    def clear(self) -> None:
        """Positions mean something else now."""
        self._made.clear()
