"""The ledger: which addresses are condemned, in the clear, in the order in which that became known.

Filled by the threads that follow the registry, which knows digests alone; names come from `revocation.names`, and an
entry is told of from the moment when it has one. Each change gets the next number, the *mark*, so that what came after
a mark can be told. Marks are this process's own; what is told is always how things stand now, so a bouncer that asks
several processes in turn hears some things twice and misses none.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush

from api.crowdsec.wire import BAN, CAPTCHA, Decision, decision_of
from revocation.claims import network_of
from revocation.record import Change, Revocation, Scope, State, is_live
from revocation.replica import Replica

MOST = 100_000
"""Addresses, some 700 bytes each; firewalls' own sets hold no more by default."""
KEPT_MS = 600_000
"""For how long at least it is told that a decision has ended: bouncers ask every ten seconds, or every minute."""
AGAIN_MS = 5_000
"""A name that was not found is looked for again after this."""

MANUAL = "manual"
"""The reason of an entry that gives none."""

KINDS = {State.QUARANTINED: CAPTCHA, State.REVOKED: BAN}


@dataclass(slots=True)
class Row:
    """One condemned address."""

    digest: bytes
    #: What is to be done; None: nothing any more.
    kind: str | None = None
    reason: str = MANUAL
    #: When the entry ends by itself, or ended.
    ends_at: int = 0
    #: The last change.
    mark: int = 0
    #: The address or network; empty: nobody has said it yet.
    value: str = ""
    #: When the name was last looked for, epoch milliseconds.
    asked_at: int = 0
    #: What ended: kind -> mark and moment.
    ended: dict[str, tuple[int, int]] = field(default_factory=dict)
    #: Kinds that were told of and have not ended.
    told: set[str] = field(default_factory=set)
    #: When the row is to be looked at; 0: it does not stand in the heap.
    due: int = 0


class Ledger:
    """The condemned addresses of `replica`; safe to use from several threads. `clock` gives epoch milliseconds."""

    def __init__(self, replica: Replica, clock: Callable[[], int], most: int = MOST) -> None:
        self._replica = replica
        self._clock = clock
        self._most = most
        self._lock = threading.Lock()
        self._rows: dict[bytes, Row] = {}
        #: Rows that have a name, by it.
        self._by_value: dict[str, Row] = {}
        #: Digests whose name is not known.
        self._nameless: set[bytes] = set()
        #: A heap of (when a row is to be looked at, its digest).
        self._ends: list[tuple[int, bytes]] = []
        self._mark = 0
        #: Entries that there was no room for.
        self.dropped = 0

    def on_changes(self, shard: int, changes: Sequence[Change]) -> None:
        """As a listener of the followers."""
        del shard
        self.take([change.entry for change in changes if change.entry.subject.scope is Scope.ORIGIN])

    def on_snapshot(self, shard: int) -> None:
        """As a listener of the followers."""
        self.take(self._replica.of_scope(Scope.ORIGIN, shard))

    def take(self, entries: Sequence[Revocation]) -> None:
        """These entries stand now."""
        if not entries:
            return
        now = self._clock()
        with self._lock:
            self._sweep(now)
            for entry in entries:
                self._take(entry, now)

    def nameless(self) -> list[bytes]:
        """Digests whose names are to be looked for now."""
        now = self._clock()
        with self._lock:
            wanted = [digest for digest in self._nameless if self._rows[digest].asked_at + AGAIN_MS <= now]
            for digest in wanted:
                self._rows[digest].asked_at = now
            return wanted

    def name(self, names: Mapping[bytes, str]) -> None:
        """These are the names of these digests."""
        with self._lock:
            for digest, value in names.items():
                if digest in self._nameless:
                    self._nameless.discard(digest)
                    row = self._rows[digest]
                    row.value = value
                    self._by_value[value] = row
                    self._stamp(row)
                    # What ended before anybody could be told is told from now on, too.
                    row.ended = {kind: (row.mark, at) for kind, (_, at) in row.ended.items()}

    def since(self, mark: int | None) -> tuple[list[Decision], list[Decision], int]:
        """What is condemned and was not at that mark, what has ended since, and the mark now; None: from the start."""
        now, after = self._clock(), -1 if mark is None else mark
        with self._lock:
            self._sweep(now)
            new: list[Decision] = []
            deleted: list[Decision] = []
            for row in self._by_value.values():
                if row.mark > after:
                    new += self._decisions(row, now)
                    deleted += [
                        decision_of(row.digest, kind, row.value, row.reason, min(ended_at, now - 1), now)
                        for kind, (ended, ended_at) in row.ended.items()
                        if ended > after
                    ]
            return new, deleted, self._mark

    def at(self, address: str) -> list[Decision]:
        """What is condemned of an address, in its shortest form: itself, and the network that it is in."""
        now = self._clock()
        with self._lock:
            self._sweep(now)
            rows = [self._by_value.get(value) for value in (address, network_of(address)) if value is not None]
            return [decision for row in rows if row is not None for decision in self._decisions(row, now)]

    def all(self) -> list[Decision]:
        """All that is condemned."""
        return self.since(None)[0]

    def counts(self) -> tuple[int, int]:
        """How many are condemned, and how many of them nobody can name."""
        with self._lock:
            live = sum(row.kind is not None for row in self._rows.values())
            return live, sum(self._rows[digest].kind is not None for digest in self._nameless)

    def _decisions(self, row: Row, now: int) -> Iterator[Decision]:
        if row.kind is not None:
            yield decision_of(row.digest, row.kind, row.value, row.reason, row.ends_at, now)

    def _take(self, entry: Revocation, now: int) -> None:
        digest = entry.subject.digest
        kind = KINDS[entry.state] if is_live(entry, now) else None
        row = self._rows.get(digest)
        if row is None:
            if entry.expires_at <= now:
                return
            if len(self._rows) >= self._most:
                self.dropped += 1
                return
            row = self._rows[digest] = Row(digest)
            self._nameless.add(digest)
            if kind is None:
                # Released before this process knew of it: bouncers may still refuse the address, by either kind.
                row.told = {BAN, CAPTCHA}
        elif (row.kind, row.ends_at) == (kind, entry.expires_at):
            return
        row.reason, row.ends_at = entry.reasons[0] if entry.reasons else MANUAL, entry.expires_at
        self._turn(row, kind, entry.released_at if entry.state is State.RELEASED else now)
        self._attend(row, row.ends_at)

    def _turn(self, row: Row, kind: str | None, at: int) -> None:
        """From that moment on this is to be done."""
        self._stamp(row)
        # A ban over a captcha leaves the captcha in force: some clients forget the address on the end of either.
        over = set() if kind == BAN else row.told - {kind}
        row.ended |= dict.fromkeys(over, (row.mark, at))
        row.told -= over
        if kind is not None:
            row.told.add(kind)
            row.ended.pop(kind, None)
        row.kind = kind

    def _attend(self, row: Row, at: int) -> None:
        """Look at the row then; a row stands in the heap once, but where its end has come nearer."""
        if not row.due or at < row.due:
            row.due = at
            heappush(self._ends, (at, row.digest))

    def _sweep(self, now: int) -> None:
        """End what has ended, and forget what ended long ago."""
        while self._ends and self._ends[0][0] <= now:
            due, digest = heappop(self._ends)
            row = self._rows.get(digest)
            if row is None or row.due != due:
                continue
            row.due = 0
            if row.ends_at > now:
                self._attend(row, row.ends_at)
                continue
            if row.kind is not None:
                self._turn(row, None, row.ends_at)
            told_until = max(row.ends_at, *(at for _, at in row.ended.values())) + KEPT_MS
            if told_until > now:
                self._attend(row, told_until)
            else:
                self._forget(row)

    def _forget(self, row: Row) -> None:
        del self._rows[row.digest]
        self._nameless.discard(row.digest)
        self._by_value.pop(row.value, None)

    def _stamp(self, row: Row) -> None:
        self._mark += 1
        row.mark = self._mark
