"""Who follows the feed, by name: how far each has come, how long it lacks something, and how long changes took to it.

A replica says what it has applied with each poll, or by an acknowledgement. Anyone may name itself, so the table is
bounded: the one that was not heard of for longest makes room. Each process knows of those that ask it.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from api.feed.log import Arrival
from api.feed.recent import Recent
from revocation.record import Position

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Seconds: upper bounds of the histogram's buckets, around the hundred milliseconds that are promised."""
ARRIVALS = 1000
"""Arrivals that one acknowledgement is measured by, at most; the newest."""


class Heard(NamedTuple):
    """What a replica said last."""

    position: Position
    #: Epoch milliseconds.
    at: int


class Standing(NamedTuple):
    """How a replica stands."""

    name: str
    position: Position
    heard_at: int
    #: Changes that it has not acknowledged; None: its position is of another past.
    behind: int | None
    #: For how long it has lacked the first of them; None likewise.
    lag_ms: int | None


class Propagation:
    """How long changes took from this process to a replica: a histogram, in whole milliseconds."""

    def __init__(self) -> None:
        #: Changes by bucket, the last one without an upper bound.
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total_ms = 0

    def observe(self, arrivals: list[Arrival], now: int) -> None:
        """These changes have been acknowledged."""
        for changes, at in arrivals:
            took = max(0, now - at)
            self.counts[bisect_left(BUCKETS, took / 1000)] += changes
            self.total_ms += took * changes


class Replicas:
    """At most `most` replicas, forgotten after `forgotten_ms` of silence. `clock` gives epoch milliseconds."""

    def __init__(
        self, recent: Recent, clock: Callable[[], int], *, most: int, forgotten_ms: int, laggard_ms: int
    ) -> None:
        self._recent = recent
        self._clock = clock
        self._most = most
        self._forgotten_ms = forgotten_ms
        self._laggard_ms = laggard_ms
        self.propagation = Propagation()
        #: The one that was not heard of for longest comes first.
        self._heard: OrderedDict[str, Heard] = OrderedDict()

    def acknowledge(self, name: str, position: Position) -> None:
        """Everything up to this position is applied by that replica."""
        now = self._clock()
        before = self._heard.get(name)
        if before is not None and before.position != position:
            self._measure(before.position, position, now)
        self._heard[name] = Heard(position, now)
        self._heard.move_to_end(name)
        while len(self._heard) > self._most or self._oldest_is_silent(now):
            self._heard.popitem(last=False)

    def standings(self) -> list[Standing]:
        """All of them that were heard of lately, by name."""
        now = self._clock()
        heard = sorted(self._heard.items())
        return [self._standing(name, one, now) for name, one in heard if now - one.at <= self._forgotten_ms]

    def is_laggard(self, standing: Standing) -> bool:
        """Whether a replica has lacked something for too long."""
        return standing.lag_ms is None or standing.lag_ms > self._laggard_ms

    def _oldest_is_silent(self, now: int) -> bool:
        return now - next(iter(self._heard.values())).at > self._forgotten_ms

    def _measure(self, before: Position, after: Position, now: int) -> None:
        if len(before.cursors) != len(after.cursors) or len(after.cursors) != len(self._recent.logs):
            return
        for log, old, new in zip(self._recent.logs, before.cursors, after.cursors, strict=True):
            ours = log.cursor
            if ours is not None and old.epoch == new.epoch == ours.epoch and old.seq < new.seq:
                self.propagation.observe(log.arrivals(old.seq, new.seq, ARRIVALS), now)

    def _standing(self, name: str, heard: Heard, now: int) -> Standing:
        behind, since = 0, now
        cursors = heard.position.cursors
        logs = self._recent.logs
        foreign = len(cursors) != len(logs)
        for log, cursor in zip(logs, cursors, strict=False):
            ours = log.cursor
            if ours is None or ours.epoch != cursor.epoch:
                foreign = True
            elif cursor.seq < ours.seq:
                behind += ours.seq - cursor.seq
                # What came before this process did is as old as it can say.
                since = min(since, log.waiting_since(cursor.seq) or now)
        known = not foreign
        return Standing(
            name, heard.position, heard.at, behind if known else None, max(0, now - since) if known else None
        )
