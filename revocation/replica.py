"""The replica: the local copy of the registry that a gateway checks tokens against. It needs neither numpy nor a clock.

One thread writes (`load`, `replace`, `apply`), any number read. What hits a token stands in `revocation.claims`. An
identity is digested once per scope and looked up in one table (`revocation.rows`), as a digest covers its scope and
issuer. Scopes of which no entry exists cost nothing.

What is known bad stays bad until it ends or is released. A registry that lost its past, wholly or in part (another
epoch, or a sequence number that went back), may not know of it any more; so what it says then is merged onto what is
known, instead of replacing it. Each such loss begins a new generation: a row of an older one was not heard of since,
and whatever is heard about it is merged, until both agree.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b

from revocation.claims import ALLOW, PROBES, UNKNOWN, Answer, Claims, answer_of, spares, strength
from revocation.record import Change, Cursor, Position, Revocation, Scope, State, begun, merge, shard_of
from revocation.registry import Snapshot
from revocation.rows import GENERATIONS, Rows

__all__ = ["Answer", "Claims", "Replica"]

SWEEP = 1000
"""How many ended entries one `apply` forgets at most, besides one for each of its changes."""
ISSUERS = 256
"""For how many issuers it is kept what to look up; requests name them, so it must be bounded."""

RELEASED = State.RELEASED
Lookup = tuple[Callable[[Claims], str | None], Callable[[], blake2b]]
"""What identity to look up, and what begins its digest."""


class Replica:
    """A copy of one registry. `digest_key` must be the registry's writers' key, `shards` the number of its shards.

    One thread may write while others read; of several shards, several threads, each its own.
    """

    def __init__(self, digest_key: bytes, shards: int = 1) -> None:
        self._digest_key = digest_key
        self._shards = [_Shard() for _ in range(shards)]
        #: The only shard's rows; None where there are several.
        self._only = self._shards[0].rows if shards == 1 else None
        self._position: Position | None = None
        #: When the registry last said something, epoch milliseconds: the shard not heard for longest; 0: never.
        self.fresh_at = 0
        #: Guards the position: of several shards, each has a thread that moves it.
        self._moving = threading.Lock()
        #: What to look up for a token of that issuer; thrown away when a scope gets its first entry.
        self._lookups: dict[str | None, tuple[Lookup, ...]] = {}

    def load(self, snapshot: Snapshot, now: int = 0, changes: Iterable[Change] = (), shard: int = 0) -> None:
        """Take a snapshot of one shard and the changes since it.

        `changes` is consumed after the snapshot's entries, so that it may be read while they are. Where reading either
        raises, what was read counts, and the position stays where it was.
        """
        taking = self._shards[shard]
        taking.begin(snapshot.cursor)
        self._put(taking, snapshot.entries, now)
        taking.cursor = snapshot.cursor
        self.apply(changes, now, shard)
        taking.rows.sweep(now, taking.rows.count)
        self._moved()

    def replace(self, position: Position, entries: Iterable[Revocation], now: int = 0) -> None:
        """Take a snapshot of all shards at once, as `load` does of one.

        Raises:
            ValueError: it is of another number of shards; make a new replica.
        """
        if len(position.cursors) != len(self._shards):
            raise ValueError("The registry has another number of shards than the replica was made for.")
        for taking, cursor in zip(self._shards, position.cursors, strict=True):
            taking.begin(cursor)
        if len(self._shards) == 1:
            self._put(self._shards[0], entries, now)
        else:
            for entry in entries:
                self._put(self._shards[shard_of(entry.subject, len(self._shards))], (entry,), now)
        for taking, cursor in zip(self._shards, position.cursors, strict=True):
            taking.cursor = cursor
            taking.rows.sweep(now, taking.rows.count)
        self.heard(now)
        self._moved()

    def apply(self, changes: Iterable[Change], now: int = 0, shard: int | None = None) -> list[Change]:
        """Take changes over, oldest first; those taken over already are skipped. Without `shard`, of all shards.

        Returns those that were taken, with the entries as the replica holds them now: after a loss they may be stronger
        than what the registry said.

        Changes that leave a gap, such as this process's own, count at once but do not move the position: the follower
        still brings what lies between. None at all says that nothing has changed.
        """
        applied = 0
        taken: list[Change] = []
        for change in changes:
            taking = self._shards[shard_of(change.entry.subject, len(self._shards)) if shard is None else shard]
            if taking.misses(change):
                self._put(taking, (change.entry,), now)
                taking.advance(change)
                taken.append(taking.held(change))
            applied += 1
        for taking in self._shards if shard is None else (self._shards[shard],):
            taking.rows.sweep(now, SWEEP + applied)
        self.heard(now, shard)
        if applied:
            self._moved()
        return taken

    def heard(self, at: int, shard: int | None = None) -> None:
        """The registry, or one shard of it, said something at `at`."""
        for taking in self._shards if shard is None else (self._shards[shard],):
            taking.fresh_at = max(taking.fresh_at, at)
        self.fresh_at = min(each.fresh_at for each in self._shards)

    def check(self, claims: Claims, now: int) -> Answer:
        """The strongest answer of all live entries that hit the token; `now` in epoch milliseconds."""
        issuer = claims.iss
        if issuer is None and claims.ip is None:
            return UNKNOWN
        lookups = self._lookups.get(issuer)
        if lookups is None:
            lookups = self._compile(issuer)
        worst: Revocation | None = None
        # `digester` and `passes`, written out: mostly nothing follows, and calls would take as long as all else here.
        sieve, bits = self._only.sieve if self._only is not None else ALWAYS
        for value_of, begin in lookups:
            value = value_of(claims)
            if value is not None:
                state = begin()
                state.update(value.encode("utf-8", "surrogatepass"))
                digest = state.digest()
                bit = hash(digest) & bits
                if sieve[bit >> 3] >> (bit & 7) & 1:
                    found = self._find(digest)
                    if found is not None and found.expires_at > now and not spares(found, claims):
                        worst = found if worst is None else max(worst, found, key=strength)
        return ALLOW if worst is None else answer_of(worst)

    @property
    def position(self) -> Position | None:
        """Up to where the registry was followed; None before the first snapshot of each shard."""
        return self._position

    @property
    def size(self) -> int:
        """How many rows there are to read, used or not."""
        return sum(shard.rows.size for shard in self._shards)

    def rows(self, start: int, stop: int) -> list[Revocation]:
        """The entries in these rows, those that ended and tombstones too; an entry stays in its row as long as it is.

        Empty rows are left out. Safe while another thread writes.
        """
        found: list[Revocation] = []
        for shard in self._shards:
            size = shard.rows.size
            found += filter(None, map(shard.rows.entry, range(max(start, 1), min(stop, size))))
            start, stop = start - size, stop - size
        return found

    def of_scope(self, scope: Scope, shard: int) -> list[Revocation]:
        """All entries of one shard about that scope, those that ended and tombstones too."""
        return list(self._shards[shard].rows.of_scope(scope))

    def __len__(self) -> int:
        return sum(shard.rows.count - shard.rows.tombstones for shard in self._shards)

    def _find(self, digest: bytes) -> Revocation | None:
        """The entry of that digest, unless it was released."""
        shards = self._shards
        rows = self._only if self._only is not None else shards[int.from_bytes(digest[:4], "big") % len(shards)].rows
        row = rows.find(digest)
        entry = rows.entry(row) if row else None
        # Another digest's: the row was dropped and used again between the two calls.
        return entry if entry is not None and entry.subject.digest == digest and entry.state is not RELEASED else None

    def _put(self, taking: "_Shard", entries: Iterable[Revocation], now: int) -> None:
        put, holds = taking.put, taking.rows.holds
        for entry in entries:
            known = holds(entry.subject.scope)
            put(entry, now)
            if not known:
                # After the entry is there, so that what a reader compiles from now on is compiled from it.
                self._lookups = {}

    def _moved(self) -> None:
        with self._moving:
            cursors = [shard.cursor for shard in self._shards]
            known = tuple(cursor for cursor in cursors if cursor is not None)
            if len(known) == len(cursors) and (self._position is None or known != self._position.cursors):
                self._position = Position(known)

    def _compile(self, issuer: str | None) -> tuple[Lookup, ...]:
        """What to look up for a token of that issuer: only scopes that have entries."""
        known = self._lookups
        if len(known) >= ISSUERS:
            known.clear()
        lookups = known[issuer] = tuple(self._compiled(issuer))
        return lookups

    def _compiled(self, issuer: str | None) -> Iterator[Lookup]:
        for probe in PROBES:
            owner = issuer if probe.of_issuer else ""
            if owner is not None and any(shard.rows.holds(probe.scope) for shard in self._shards):
                yield probe.value, begun(self._digest_key, probe.scope, owner).copy


ALWAYS = (b"\xff", 7)
"""In place of a sieve where there are several: every digest must be looked for."""


class _Shard:
    """The entries of one shard, and up to where its changes were taken; written by one thread."""

    def __init__(self) -> None:
        self.rows = Rows()
        self.cursor: Cursor | None = None
        self.fresh_at = 0
        #: How often the past was lost; see the head of this file.
        self._losses = 0

    def begin(self, cursor: Cursor) -> None:
        """A snapshot at that cursor follows."""
        old = self.cursor
        if old is not None and (old.epoch != cursor.epoch or cursor.seq < old.seq):
            self._losses += 1

    @property
    def _generation(self) -> int:
        return self._losses % GENERATIONS

    def misses(self, change: Change) -> bool:
        """Whether the change has not been taken over yet."""
        return self.cursor is None or change.seq > self.cursor.seq

    def advance(self, change: Change) -> None:
        """Move the cursor on, if nothing lies between."""
        if self.cursor is not None and change.seq == self.cursor.seq + 1:
            self.cursor = Cursor(self.cursor.epoch, change.seq)

    def held(self, change: Change) -> Change:
        """The change with the entry that stands for its subject now."""
        entry = self.rows.entry(self.rows.find(change.entry.subject.digest)) if self._losses else None
        return change if entry is None else Change(seq=change.seq, entry=entry)

    def put(self, entry: Revocation, now: int) -> None:
        """Let the entry stand for its subject, merged onto what was heard in another past."""
        row = self.rows.find(entry.subject.digest) if self._losses else 0
        if row and self.rows.generation(row) != self._generation:
            known = self.rows.entry(row)
            if known is not None and known.expires_at > now:
                self._merge(known, entry, self.rows.generation(row))
                return
        self.rows.put(entry, self._generation)

    def _merge(self, known: Revocation, entry: Revocation, generation: int) -> None:
        merged = merge(known, entry)
        self.rows.put(merged, self._generation if _effect(merged) == _effect(entry) else generation)


def _effect(entry: Revocation) -> tuple[State, int, int, int, int]:
    """What an entry says of a token, whoever decided."""
    return entry.state, entry.decided_at, entry.expires_at, entry.not_before, entry.released_at
