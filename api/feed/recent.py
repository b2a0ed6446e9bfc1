"""What changed lately, all shards: filled by the threads that follow the registry, read by the event loop.

A position is the reader's; nothing here is kept for each of them. Two shards never hold the same subject, so the order
of changes across shards is free: a page takes from each shard what its reader lacks.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from api.feed.log import Log
from api.feed.waiters import Waiters
from revocation.feed import line_of
from revocation.record import Change, Cursor, Position
from revocation.replica import Replica

PAGE_BYTES = 256 * 1024
"""Bytes of one page, give or take a line: to digest and join them takes less than a millisecond."""


class Part(NamedTuple):
    """The lines of one shard in a page."""

    shard: int
    #: The place that they come after.
    after: int
    lines: list[bytes]


class Page(NamedTuple):
    """What comes after a position, as much as one answer takes."""

    start: Position
    end: Position
    parts: tuple[Part, ...]


class Recent:
    """The logs of all shards of `replica`. `clock` gives epoch milliseconds."""

    def __init__(
        self, replica: Replica, shards: int, clock: Callable[[], int], *, most_lines: int, most_bytes: int
    ) -> None:
        self._replica = replica
        self._clock = clock
        self.logs = tuple(Log(most_lines, most_bytes) for _ in range(shards))
        #: Told of each change, and when the server ends.
        self.news = Waiters()
        #: How often a log began anew: positions before may no longer be of the same past.
        self.restarts = 0
        #: Counts everything that happened; what was made of the logs is true as long as this is the same.
        self.version = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Take changes from now on, on the running loop."""
        self._loop = asyncio.get_running_loop()

    def on_changes(self, shard: int, changes: Sequence[Change]) -> None:
        """The follower's thread has taken these changes over."""
        position = self._replica.position
        if not changes or position is None:
            # Without a snapshot of every shard nobody can have a position; the log begins with the last of them.
            return
        cursor = Cursor(position.cursors[shard].epoch, changes[-1].seq)
        self._hand_over(
            self._append, shard, cursor, [line_of(change.entry, change.seq) for change in changes], self._clock()
        )

    def on_snapshot(self, shard: int) -> None:
        """The follower's thread has taken a snapshot over."""
        position = self._replica.position
        if position is not None:
            self._hand_over(self._restart, shard, position)

    @property
    def position(self) -> Position | None:
        """The newest place of all shards; None before each has had its snapshot."""
        cursors = [log.cursor for log in self.logs]
        known = tuple(cursor for cursor in cursors if cursor is not None)
        return Position(known) if len(known) == len(cursors) else None

    def page(self, position: Position, limit: int) -> Page:
        """What comes after a position; shards that do not hold its place have no part in it."""
        lacking = [
            (log.cursor.seq - cursor.seq, shard)
            for shard, (log, cursor) in enumerate(zip(self.logs, position.cursors, strict=True))
            if log.cursor is not None and log.holds(cursor) and cursor.seq < log.cursor.seq
        ]
        cursors, parts, left, room = list(position.cursors), [], limit, PAGE_BYTES
        # The shortest first, so that what it leaves of its share goes to the longer ones.
        for served, (_, shard) in enumerate(sorted(lacking)):
            others = len(lacking) - served
            epoch, seq = cursors[shard].epoch, cursors[shard].seq
            share = -(-left // others)
            lines = self.logs[shard].after(seq, share, room // others) if share else []
            if lines:
                parts.append(Part(shard, seq, lines))
                cursors[shard] = Cursor(epoch, seq + len(lines))
            left -= len(lines)
            room -= sum(map(len, lines))
        return Page(position, Position(tuple(cursors)), tuple(parts))

    def _append(self, shard: int, cursor: Cursor, lines: Sequence[bytes], at: int) -> None:
        known = self.logs[shard].cursor is not None
        if not self.logs[shard].append(cursor, lines, at) and known:
            self.restarts += 1
        self._changed()

    def _restart(self, shard: int, position: Position) -> None:
        for number, (log, cursor) in enumerate(zip(self.logs, position.cursors, strict=True)):
            if log.cursor is None:
                log.restart(cursor)
            elif number == shard and log.cursor != cursor:
                log.restart(cursor)
                self.restarts += 1
        self._changed()

    def _changed(self) -> None:
        self.version += 1
        self.news.wake()

    def _hand_over(self, call: Callable[..., None], *arguments: object) -> None:
        if self._loop is not None:
            # A loop that has ended has no readers; the thread ends a moment later.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(call, *arguments)
