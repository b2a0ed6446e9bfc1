"""The replica: the local copy of the registry that a gateway checks tokens against. It needs neither numpy nor a clock.

One thread writes (`load`, `apply`), any number read: a check takes `_table` once and then only looks up, so a snapshot
that is swapped in never shows a half-filled table, and a token known to be bad never passes in between.

What hits a token stands in `revocation.claims`. An identity is digested once per scope and looked up in one dict, as a
digest covers its scope and issuer. Scopes of which no entry exists cost nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush

from revocation.claims import ALLOW, PROBES, UNKNOWN, Answer, Claims, answer_of, spares, strength
from revocation.record import Change, Cursor, Revocation, Scope, State, digester
from revocation.registry import Snapshot

__all__ = ["Answer", "Claims", "Replica"]

SWEEP = 1000
"""How many ended entries one `apply` forgets at most, besides one for each of its changes."""
ISSUERS = 1024
"""For how many issuers the digests' prefixes are kept; requests name them, so it must be bounded."""
BUCKET_MS = 60_000
"""Ended entries are forgotten by the minute; a check looks at the millisecond."""


class Replica:
    """A copy of one registry. `digest_key` must be the registry's writers' key.

    One thread may write while others read.
    """

    def __init__(self, digest_key: bytes) -> None:
        self._digest_key = digest_key
        self._table = _Table(digest_key, None)
        #: When the registry last said something, epoch milliseconds; 0: never.
        self.fresh_at = 0

    def load(self, snapshot: Snapshot, now: int = 0, changes: Iterable[Change] = ()) -> None:
        """Replace everything by a snapshot and the changes since it, at once.

        `changes` is consumed after the snapshot's entries, so that it may be read while they are.
        """
        table = _Table(self._digest_key, snapshot.cursor)
        for entry in snapshot.entries:
            table.put(entry)
        for change in changes:
            table.follow(change)
        table.sweep(now, len(table.entries))
        self._table = table
        self.fresh_at = max(self.fresh_at, now)

    def apply(self, changes: Iterable[Change], now: int = 0) -> None:
        """Take changes over, oldest first; those taken over already are skipped.

        Changes that leave a gap, such as this process's own, count at once but do not move the cursor: the follower
        still brings what lies between. None at all says that nothing has changed.
        """
        table = self._table
        applied = 0
        for change in changes:
            table.follow(change)
            applied += 1
        table.sweep(now, SWEEP + applied)
        self.fresh_at = max(self.fresh_at, now)

    def check(self, claims: Claims, now: int) -> Answer:
        """The strongest answer of all live entries that hit the token; `now` in epoch milliseconds."""
        table = self._table
        if claims.iss is None and claims.ip is None:
            return UNKNOWN
        worst: Revocation | None = None
        find = table.entries.get
        for value_of, digest in table.lookups(claims.iss):
            value = value_of(claims)
            if value is not None:
                entry = find(digest(value))
                if entry is not None and entry.expires_at > now and not spares(entry, claims):
                    worst = entry if worst is None else max(worst, entry, key=strength)
        return ALLOW if worst is None else answer_of(worst)

    @property
    def cursor(self) -> Cursor | None:
        """Up to where the registry was followed; None before the first snapshot."""
        return self._table.cursor

    def entries(self) -> list[Revocation]:
        """Every entry that is not released, ended ones that were not swept yet too."""
        return list(self._table.entries.values())

    def __len__(self) -> int:
        return len(self._table.entries)


Lookup = tuple[Callable[[Claims], str | None], Callable[[str], bytes]]


class _Table:
    """The entries of one epoch; written by one thread, and never half done for readers."""

    def __init__(self, digest_key: bytes, cursor: Cursor | None) -> None:
        self.cursor = cursor
        #: What hits, by digest; no tombstones.
        self.entries: dict[bytes, Revocation] = {}
        self._digest_key = digest_key
        #: How many entries a scope has.
        self._counts = dict.fromkeys(Scope, 0)
        #: What to look up for a token of that issuer; thrown away when a scope gets its first entry or loses its last.
        self._lookups: dict[str | None, tuple[Lookup, ...]] = {}
        #: Digests by the minute in which their entry ends; every entry stands in its minute.
        self._ends: dict[int, list[bytes]] = {}
        #: A heap of those minutes.
        self._minutes: list[int] = []

    def follow(self, change: Change) -> None:
        """Take one change over, unless it was already."""
        if self.cursor is None:
            self.put(change.entry)
        elif change.seq > self.cursor.seq:
            self.put(change.entry)
            if change.seq == self.cursor.seq + 1:
                self.cursor = Cursor(self.cursor.epoch, change.seq)

    def put(self, entry: Revocation) -> None:
        """Let the entry stand for its subject."""
        scope, digest = entry.subject.scope, entry.subject.digest
        if entry.state is State.RELEASED:
            self._drop(digest)
            return
        old = self.entries.get(digest)
        self.entries[digest] = entry
        minute = entry.expires_at // BUCKET_MS
        if old is None:
            self._count(scope, 1)
        if old is None or old.expires_at // BUCKET_MS != minute:
            self._note(minute, digest)

    def sweep(self, now: int, limit: int) -> None:
        """Forget entries that have ended, looking at no more than `limit`."""
        while limit > 0 and self._minutes and (self._minutes[0] + 1) * BUCKET_MS <= now:
            digests = self._ends[self._minutes[0]]
            while digests and limit > 0:
                limit -= 1
                entry = self.entries.get(digests[-1])
                if entry is not None and entry.expires_at <= now:
                    self._drop(digests[-1])
                digests.pop()
            if not digests:
                del self._ends[heappop(self._minutes)]

    def lookups(self, issuer: str | None) -> tuple[Lookup, ...]:
        """What to look up for a token of that issuer: only scopes that have entries."""
        known = self._lookups
        lookups = known.get(issuer)
        if lookups is None:
            if len(known) >= ISSUERS:
                known.clear()
            lookups = known[issuer] = tuple(self._compiled(issuer))
        return lookups

    def _compiled(self, issuer: str | None) -> Iterator[Lookup]:
        for probe in PROBES:
            owner = issuer if probe.of_issuer else ""
            if owner is not None and self._counts[probe.scope]:
                yield probe.value, digester(self._digest_key, probe.scope, owner)

    def _drop(self, digest: bytes) -> None:
        entry = self.entries.pop(digest, None)
        if entry is not None:
            self._count(entry.subject.scope, -1)

    def _count(self, scope: Scope, change: int) -> None:
        self._counts[scope] += change
        if self._counts[scope] == max(change, 0):
            # After the count, so that what a reader compiles from now on is compiled from it.
            self._lookups = {}

    def _note(self, minute: int, digest: bytes) -> None:
        digests = self._ends.get(minute)
        if digests is None:
            digests = self._ends[minute] = []
            heappush(self._minutes, minute)
        digests.append(digest)
