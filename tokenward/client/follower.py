"""Follows the feed into a replica: a snapshot, then one long poll after another, in a thread of its own.

The loop, its pauses and its counts are `revocation.following`'s, as in the services; here a step is an HTTP request.
"""

import random
from collections.abc import Callable, Iterator
from tempfile import SpooledTemporaryFile
from time import monotonic
from typing import BinaryIO, cast

from revocation.errors import RegistryError, RegistryUnavailable
from revocation.following import Following, Stopped
from revocation.record import Cursor, Position, Revocation
from revocation.replica import Replica
from tokenward.client.clock import FeedClock
from tokenward.client.remote import PAGE, RemoteFeed

SPREAD_SECONDS = 1.0
"""Replicas that lost the past together come for a snapshot within such a time, not at once."""
SPOOL_BYTES = 128 * 1024 * 1024
"""What of a snapshot is kept in memory until it is checked; the rest goes to a temporary file."""
LEAST_SECONDS = 0.1
"""An answer without news takes so long at the least, but for the first."""
ROWS = 1000
"""Rows that are copied at once."""
NOWHERE = Cursor("", 0)
"""A cursor of no registry: whatever is heard afterwards is of another past, and merged."""


class FeedFollower(Following):
    """Fills `core`, which other threads read: at first `known`, which another thread may have been writing.

    `empty` makes a replica of so many shards; `wait` is for how many seconds a server is asked to wait for a change.
    """

    def __init__(
        self,
        feed: Callable[[Callable[[float], object]], RemoteFeed],
        clock: FeedClock,
        empty: Callable[[int], Replica],
        known: Replica,
        wait: float,
        *,
        ready: bool = False,
    ) -> None:
        super().__init__("tokenward-replica")
        if ready:
            self._begun()
        self.core = known
        self._feed = feed(self._stopping.wait)
        self._clock = clock
        self._empty = empty
        self._wait = wait
        #: Shards of `core`; 0: it may be written by nobody, and has to be copied.
        self._shards = 0
        #: None: a snapshot is needed.
        self._position: Position | None = None
        #: Whether a page was not full, so that it is worth waiting for the next.
        self._caught_up = False

    def step(self) -> None:
        """One page of changes, or the snapshot; the position moves only when the page is in the replica."""
        try:
            self._step()
        except (RegistryError, Stopped):
            raise
        except Exception as error:
            # Such as a full disk. If the thread ended, the copy would grow old with nobody to renew it.
            raise RegistryUnavailable(f"The replica could not go on ({type(error).__name__}).") from error

    def _step(self) -> None:
        if self._position is None:
            self._position = self._load()
            return
        wait = self._wait if self._caught_up else 0
        began = monotonic()
        heard = self._feed.changes(self._position, wait)
        # A snapshot says nothing of time: it may have been made for others a while ago.
        self._clock.heard(heard.at, heard.age_ms)
        self.core.apply(heard.changes, self._clock.now)
        self._position = heard.position
        self._caught_up = len(heard.changes) < PAGE
        if self._caught_up:
            self._begun()
        if wait and not heard.changes and monotonic() - began < LEAST_SECONDS:
            # Something on the way did not wait: it must not be asked without end.
            self._stopping.wait(LEAST_SECONDS)

    def lost(self) -> None:
        """The past is gone: the next step takes a snapshot, after a pause of this replica's own."""
        self._position = None
        self._stopping.wait(random.uniform(0, SPREAD_SECONDS))  # noqa: S311 - spreads replicas, guards nothing

    def stop(self, patience: float = 5.0) -> None:
        """End the thread, whatever it waits for."""
        self._stopping.set()
        self._feed.cut()
        super().stop(patience)
        if not self.alive:
            self._feed.close()

    def abandon(self) -> None:
        """Nothing runs here, as this is a process that was forked from the follower's; let its connections be."""
        self._feed.abandon()

    def _load(self) -> Position:
        with SpooledTemporaryFile(max_size=SPOOL_BYTES) as spool:
            heard = self._feed.snapshot(cast("BinaryIO", spool))
            core = self._writable(len(heard.position.cursors))
            core.replace(heard.position, self._unless_stopping(heard.entries), heard.at)
        self._caught_up = False
        return heard.position

    def _writable(self, shards: int) -> Replica:
        """The replica to write into; where that is another one, what is known is carried over first."""
        if self._shards != shards:
            core = self._empty(shards)
            core.replace(Position((NOWHERE,) * shards), self._unless_stopping(_entries(self.core)))
            self.core = core
            self._shards = shards
        return self.core

    def _unless_stopping(self, entries: Iterator[Revocation]) -> Iterator[Revocation]:
        """The same entries; a large snapshot must not hold `stop` up."""
        for entry in entries:
            if self.stopping:
                raise Stopped
            yield entry


def _entries(core: Replica) -> Iterator[Revocation]:
    for start in range(0, core.size, ROWS):
        yield from core.rows(start, start + ROWS)
