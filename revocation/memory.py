"""A real registry in a dict: for tests, notebooks and replays; everything is lost with its process."""

import threading
from collections import deque
from collections.abc import Sequence
from heapq import nsmallest
from itertools import islice

from revocation.errors import CursorLost
from revocation.record import Change, Cursor, Revocation, State, Subject, is_live, merge, release
from revocation.registry import Registry, Snapshot

RETAINED = 100_000
"""How many changes are kept for followers by default."""


class MemoryRegistry:
    """Keeps the newest `retained` changes; safe to use from several threads. `epoch` must be new for each instance."""

    def __init__(self, epoch: str, retained: int = RETAINED) -> None:
        self._epoch = epoch
        self._seq = 0
        #: Each subject's entry with the number of its last change.
        self._entries: dict[Subject, Change] = {}
        #: The newest changes, without a gap.
        self._changes: deque[Change] = deque(maxlen=retained)
        #: Guards everything above; notified of each change.
        self._changed = threading.Condition()

    @property
    def shards(self) -> tuple[Registry, ...]:
        """As the port says."""
        return (self,)

    def apply(self, revocations: Sequence[Revocation], now: int) -> list[Change]:
        """As the port says."""
        with self._changed:
            return [self._merge(new, now) for new in revocations if new.expires_at > now]

    def release(self, subjects: Sequence[Subject], now: int, actor: str) -> list[Change]:
        """As the port says."""
        with self._changed:
            tombstones = (self._release(subject, now, actor) for subject in subjects)
            return [change for change in tombstones if change is not None]

    def find(self, subjects: Sequence[Subject], now: int) -> list[Revocation | None]:
        """As the port says."""
        with self._changed:
            found = [self._entries.get(subject) for subject in subjects]
        return [change.entry if change is not None and is_live(change.entry, now) else None for change in found]

    def expire(self, now: int, limit: int = 1000) -> int:
        """As the port says; those that ended first go first."""
        with self._changed:
            ended = (change.entry for change in self._entries.values() if change.entry.expires_at <= now)
            gone = nsmallest(limit, ended, key=lambda entry: (entry.expires_at, entry.subject))
            for entry in gone:
                del self._entries[entry.subject]
            return len(gone)

    def changes(self, cursor: Cursor, limit: int = 1000, wait_ms: int = 0) -> list[Change]:
        """As the port says."""
        with self._changed:
            self._check(cursor)
            self._changed.wait_for(lambda: self._seq > cursor.seq, wait_ms / 1000)
            oldest = self._check(cursor)
            return list(islice(self._changes, cursor.seq - oldest, cursor.seq - oldest + limit))

    def snapshot(self) -> Snapshot:
        """As the port says."""
        with self._changed:
            entries = [change.entry for change in self._entries.values()]
            return Snapshot(Cursor(self._epoch, self._seq), iter(entries))

    def _present(self, subject: Subject, now: int) -> Change | None:
        change = self._entries.get(subject)
        return change if change is not None and change.entry.expires_at > now else None

    def _merge(self, new: Revocation, now: int) -> Change:
        old = self._present(new.subject, now)
        if old is None:
            return self._record(new)
        merged = merge(old.entry, new)
        return old if merged is old.entry else self._record(merged)

    def _release(self, subject: Subject, now: int, actor: str) -> Change | None:
        old = self._present(subject, now)
        if old is None or old.entry.state is State.RELEASED:
            return old
        return self._record(release(old.entry, now, actor))

    def _check(self, cursor: Cursor) -> int:
        """The place before the oldest change that is kept."""
        oldest = self._seq - len(self._changes)
        if cursor.epoch != self._epoch or not oldest <= cursor.seq <= self._seq:
            raise CursorLost("The registry no longer has the changes after this cursor; take a snapshot.")
        return oldest

    def _record(self, entry: Revocation) -> Change:
        self._seq += 1
        change = Change(seq=self._seq, entry=entry)
        self._entries[entry.subject] = change
        self._changes.append(change)
        self._changed.notify_all()
        return change
