"""What comes after a position, wherever it is: in memory, or else in the registry."""

import asyncio
from collections.abc import Callable

from api.feed.lines import Age
from api.feed.past import Past
from api.feed.recent import Page, Part, Recent
from api.problems import NOT_READY, RESYNC, Refused
from revocation.errors import CursorLost
from revocation.record import Cursor, Position
from revocation.replica import Replica


class Reader:
    """Reads for the poll and for the stream. `clock` gives epoch milliseconds."""

    def __init__(self, recent: Recent, past: Past, replica: Replica, clock: Callable[[], int]) -> None:
        self.recent = recent
        self._past = past
        self._replica = replica
        self._clock = clock

    def age(self) -> Age:
        """How old this process's knowledge is now: that of the shard that was not heard of for longest."""
        now = self._clock()
        return Age(now, max(0, now - self._replica.fresh_at))

    def position(self) -> Position:
        """The newest place.

        Raises:
            Refused: there is none yet.
        """
        position = self.recent.position
        if position is None:
            raise Refused(NOT_READY)
        return position

    async def after(self, position: Position, limit: int) -> Page:
        """What comes next, if anything does.

        A place that no log holds is older than these remember, or newer than this process knows (the client was told
        so by another one): the registry knows which, and whether its past is still the same.

        Raises:
            Refused: there is no way from that position to the present but a snapshot.
            RegistryUnavailable: only the registry could tell, and does not answer.
        """
        logs = self.recent.logs
        if len(position.cursors) != len(logs):
            raise Refused(RESYNC)
        away = [shard for shard, log in enumerate(logs) if not log.holds(position.cursors[shard])]
        if away:
            page = await self._from_past(position, away, limit)
            if page.parts:
                return page
        return self.recent.page(position, limit)

    def same_past(self, position: Position, restarts: int) -> bool:
        """Whether the position still means what it meant when there had been so many restarts.

        A log that began anew in the same epoch and at an earlier place has lost what a reader beyond it knows; the
        numbers will be given again, to other changes.
        """
        if restarts == self.recent.restarts:
            return True
        logs = self.recent.logs
        return not any(
            log.cursor is not None and log.cursor.epoch == cursor.epoch and cursor.seq > log.oldest
            for log, cursor in zip(logs, position.cursors, strict=True)
        )

    async def _from_past(self, position: Position, away: list[int], limit: int) -> Page:
        try:
            found = await asyncio.gather(*(self._past.after(shard, position.cursors[shard]) for shard in away))
        except CursorLost:
            raise Refused(RESYNC) from None
        cursors, parts, left = list(position.cursors), [], limit
        for shard, lines in zip(away, found, strict=True):
            cursor, taken = cursors[shard], lines[:left]
            if taken:
                parts.append(Part(shard, cursor.seq, taken))
                cursors[shard] = Cursor(cursor.epoch, cursor.seq + len(taken))
                left -= len(taken)
        return Page(position, Position(tuple(cursors)), tuple(parts))
