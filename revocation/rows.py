"""Rows: a replica's entries in arrays, found by their digest. PURE.

Objects in a dict cost some 700 bytes an entry; here an entry is one packed row of 72 bytes in a `bytearray`, and an
open-addressing index of row numbers finds it (Knuth, TAOCP 3, section 6.4, linear probing). At most half of the index
is in use. Ahead of it stands a sieve, a Bloom filter of one hash (Bloom, CACM 13/7, 1970): sixteen bits an entry, so
that fifteen of sixteen tokens that are in nobody's book, as nearly all are, are known by one bit. Of a million entries
the sieve has 2 MiB, which stay in a core's cache where the index and the rows do not.

One thread writes, any number read without a lock. A row is written by one slice assignment and read by one
`unpack_from`, each of which holds the interpreter's lock throughout, so nobody sees half a row. A row is written before
the index names it, and named there before the sieve lets it pass. A row that is freed and used again belongs to
another digest, which a reader compares. Neither index nor sieve is ever emptied in place: larger ones are filled aside
and take their places at once, the index first, as readers look into the sieve first.

Places in the index follow from Python's own hash of the digest, which is keyed anew in every process; digests are
keyed, too: nobody can choose entries that crowd one place.
"""

from array import array
from collections.abc import Iterator
from heapq import heappop, heappush
from struct import Struct
from typing import Final

from revocation.layout import SCOPES
from revocation.record import DIGEST_BYTES, Revocation, Scope, State, Subject

#: digest, id, decided_at, expires_at, not_before, released_at, state, scope, generation, number of the reasons
ROW: Final = Struct("<16s16sqqqqBBHi")
ROW_BYTES: Final = ROW.size
LEAST_PLACES: Final = 1024
ROOM: Final = 2
"""Places of the index for each row at the least, one in two of them used."""
GONE: Final = 2**32 - 1
"""Stands in the index where a row was dropped: a search goes on behind it."""
FORGIVEN: Final = int(State.RELEASED)
FREE: Final = 255
"""The state of a row that nobody uses."""
BUCKET_MS: Final = 60_000
"""Ended entries are forgotten by the minute; a check looks at the millisecond."""
GENERATIONS: Final = 2**16

#: By the first letter's code, as in Redis: an enumeration's own hash is slow.
_SCOPES: Final = {letter[0]: scope for letter, scope in SCOPES.items()}
_ID_BYTES: Final = DIGEST_BYTES
#: Where the digest and the state stand in a row.
_STATE_AT: Final = Struct("<16s16sqqqq").size
_SCOPE_AT: Final = _STATE_AT + 1


class Rows:
    """Entries by digest, tombstones too. `generation` of a row is the caller's: which past it was heard in."""

    def __init__(self) -> None:
        #: The index; its length is a power of two, its values are row numbers, 0: nothing was ever here.
        self._index = array("I", bytes(4 * LEAST_PLACES))
        #: Eight bits for each place of the index, 0: no digest of that hash is here.
        self.sieve = _sieve(LEAST_PLACES)
        #: How many rows stand for somebody, and how many of them by the code of their scope.
        self.count = 0
        self._by_scope = [0] * 128
        #: How many of the rows are tombstones.
        self.tombstones = 0
        #: The rows, one after the other; row 0 is never used, as 0 means nothing in the index.
        self._rows = bytearray(ROW_BYTES)
        self._next = 1
        #: Numbers of rows that may be used again.
        self._free = array("I")
        #: Places of the index that are not 0.
        self._taken = 0
        self._reasons = _Interned()
        #: Ids that are not 16 bytes in hexadecimal, by row number: those of other systems.
        self._ids: dict[int, str] = {}
        #: Row numbers by the minute in which their entry ends; every row stands in its minute.
        self._ends: dict[int, array[int]] = {}
        #: A heap of those minutes.
        self._minutes: list[int] = []

    @property
    def size(self) -> int:
        """One more than the largest row number that was ever used."""
        return self._next

    def holds(self, scope: Scope) -> bool:
        """Whether any row is about that scope."""
        return self._by_scope[ord(scope[0])] > 0

    def find(self, digest: bytes) -> int:
        """The number of the digest's row; 0: there is none."""
        if not passes(self.sieve, digest):
            return 0
        index, rows = self._index, self._rows
        last = len(index) - 1
        place = hash(digest) & last
        while row := index[place]:
            if row != GONE and rows.startswith(digest, row * ROW_BYTES):
                return row
            place = (place + 1) & last
        return 0

    def entry(self, row: int) -> Revocation | None:
        """The entry in a row from 1 on, without who decided; None: nobody uses it. Safe while another thread writes."""
        digest, number, decided_at, expires_at, not_before, released_at, state, code, _, reasons = ROW.unpack_from(
            self._rows, row * ROW_BYTES
        )
        if state == FREE:
            return None
        return Revocation(
            id=number.hex() if (other := self._ids.get(row)) is None else other,
            subject=Subject(_SCOPES[code], digest),
            state=State(state),
            reasons=self._reasons.of(reasons),
            decided_at=decided_at,
            expires_at=expires_at,
            not_before=not_before,
            actor="",
            released_at=released_at,
        )

    def of_scope(self, scope: Scope) -> Iterator[Revocation]:
        """The entries about that scope, tombstones too; what other threads write meanwhile may be missed."""
        codes, code = self._rows[_SCOPE_AT::ROW_BYTES], scope[0].encode()
        row = codes.find(code, 1)
        while row > 0:
            entry = self.entry(row)
            if entry is not None and entry.subject.scope is scope:
                yield entry
            row = codes.find(code, row + 1)

    def generation(self, row: int) -> int:
        """The generation that the row was written in."""
        generation: int = ROW.unpack_from(self._rows, row * ROW_BYTES)[8]
        return generation

    def put(self, entry: Revocation, generation: int = 0) -> None:
        """Let the entry stand for its subject."""
        digest, code = entry.subject.digest, ord(entry.subject.scope[0])
        row = self.find(digest)
        old = self.entry(row) if row else None
        if old is None:
            row = self._room()
        packed = self._pack(row, entry, code, generation)
        if old is not None:
            self._forget(old)
        self._rows[row * ROW_BYTES : (row + 1) * ROW_BYTES] = packed
        self.count += 1
        self._by_scope[code] += 1
        if entry.state == FORGIVEN:
            self.tombstones += 1
        minute = entry.expires_at // BUCKET_MS
        if old is None:
            self._list(digest, row)
        if old is None or old.expires_at // BUCKET_MS != minute:
            self._note(minute, row)

    def sweep(self, now: int, limit: int) -> None:
        """Forget entries that have ended, looking at no more than `limit`."""
        while limit > 0 and self._minutes and (self._minutes[0] + 1) * BUCKET_MS <= now:
            noted = self._ends[self._minutes[0]]
            while noted and limit > 0:
                limit -= 1
                self._drop_ended(noted[-1], now)
                noted.pop()
            if not noted:
                del self._ends[heappop(self._minutes)]

    def _drop_ended(self, row: int, now: int) -> None:
        """Free a row whose entry has ended; one that was prolonged, freed or used again meanwhile is left alone."""
        entry = self.entry(row)
        if entry is None or entry.expires_at > now:
            return
        self._unlist(entry.subject.digest)
        self._forget(entry)
        self._ids.pop(row, None)
        self._rows[row * ROW_BYTES + _STATE_AT] = FREE
        self._free.append(row)

    def _room(self) -> int:
        """The number of a row that nobody uses."""
        if self._free:
            return self._free.pop()
        self._next += 1
        return self._next - 1

    def _pack(self, row: int, entry: Revocation, code: int, generation: int) -> bytes:
        number = _number(entry.id)
        if number is None:
            self._ids[row] = entry.id
        elif self._ids:
            self._ids.pop(row, None)
        return ROW.pack(
            entry.subject.digest,
            number or b"",
            entry.decided_at,
            entry.expires_at,
            entry.not_before,
            entry.released_at,
            entry.state,
            code,
            generation,
            self._reasons.take(entry.reasons),
        )

    def _forget(self, entry: Revocation) -> None:
        """Take back what a row's old entry is counted in; its reasons can be read until their number is given again."""
        self.count -= 1
        self._by_scope[ord(entry.subject.scope[0])] -= 1
        self.tombstones -= entry.state == FORGIVEN
        self._reasons.give_back(entry.reasons)

    def _list(self, digest: bytes, row: int) -> None:
        """Name the row in the index, at the first place that is free for its digest."""
        if ROOM * (self._taken + 1) > len(self._index):
            self._grow()
            return
        index = self._index
        last = len(index) - 1
        place = hash(digest) & last
        while index[place] and index[place] != GONE:
            place = (place + 1) & last
        self._taken += index[place] == 0
        index[place] = row
        _let_pass(self.sieve, digest)

    def _unlist(self, digest: bytes) -> None:
        """Name the row no more. Its bit of the sieve stays until both are made anew, as it may be another's, too."""
        row, last = self.find(digest), len(self._index) - 1
        place = hash(digest) & last
        while self._index[place] != row:
            place = (place + 1) & last
        self._index[place] = GONE

    def _grow(self) -> None:
        """Another index of all rows, and another sieve, with room for as many again; those before serve until then."""
        places = LEAST_PLACES
        while places < 2 * ROOM * self.count:
            places *= 2
        index, sieve, last = array("I", bytes(4 * places)), _sieve(places), places - 1
        rows = self._rows
        for row in range(1, self.size):
            at = row * ROW_BYTES
            if rows[at + _STATE_AT] != FREE:
                digest = bytes(rows[at : at + DIGEST_BYTES])
                place = hash(digest) & last
                while index[place]:
                    place = (place + 1) & last
                index[place] = row
                _let_pass(sieve, digest)
        self._taken = self.count
        self._index = index
        self.sieve = sieve

    def _note(self, minute: int, row: int) -> None:
        noted = self._ends.get(minute)
        if noted is None:
            noted = self._ends[minute] = array("I")
            heappush(self._minutes, minute)
        noted.append(row)


Sieve = tuple[bytearray, int]
"""Bits, and the largest number of one."""


def _sieve(size: int) -> Sieve:
    """A sieve of so many bytes, a power of two, that lets nothing pass."""
    return bytearray(size), 8 * size - 1


def passes(sieve: Sieve, digest: bytes) -> bool:
    """Whether there may be a row of that digest; `Replica.check` has this written out."""
    bits, last = sieve
    bit = hash(digest) & last
    return bool(bits[bit >> 3] >> (bit & 7) & 1)


def _let_pass(sieve: Sieve, digest: bytes) -> None:
    bits, last = sieve
    bit = hash(digest) & last
    bits[bit >> 3] |= 1 << (bit & 7)


class _Interned:
    """The reasons of all rows, each list of them once."""

    def __init__(self) -> None:
        self._lists: list[tuple[str, ...]] = []
        self._users: list[int] = []
        self._numbers: dict[tuple[str, ...], int] = {}
        self._free: list[int] = []

    def of(self, number: int) -> tuple[str, ...]:
        """The reasons of that number."""
        return self._lists[number]

    def take(self, reasons: tuple[str, ...]) -> int:
        """The number of these reasons, for one more row."""
        number = self._numbers.get(reasons)
        if number is None:
            number = self._numbers[reasons] = self._free.pop() if self._free else len(self._lists)
            if number == len(self._lists):
                self._lists.append(reasons)
                self._users.append(0)
            self._lists[number] = reasons
        self._users[number] += 1
        return number

    def give_back(self, reasons: tuple[str, ...]) -> None:
        """One row less has them."""
        number = self._numbers[reasons]
        self._users[number] -= 1
        if not self._users[number]:
            del self._numbers[reasons]
            self._free.append(number)


def _number(identifier: str) -> bytes | None:
    """The 16 bytes that an id stands for; None: it is not the hexadecimal form of 16 bytes."""
    if len(identifier) != 2 * _ID_BYTES:
        return None
    try:
        number = bytes.fromhex(identifier)
    except ValueError:
        return None
    return number if number.hex() == identifier else None
