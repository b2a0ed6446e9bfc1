"""Bulks in the store that all API processes share: the bulk itself, its lines, and what its chunks found."""

from collections.abc import Sequence

import msgspec

from api.bulk.chunks import kept, put_back
from api.bulk.draft import CHUNK, Bulk
from api.bulk.lines import packed, unpacked
from revocation.pending import Document, Pending
from revocation.record import Revocation, Subject

KIND, LINES, BEFORE = "bulk", "bulk-lines", "bulk-before"
MOST_BULKS = 100
MOST_PARTS = 400
"""Of all bulks together: two of the largest; 85 KB each at most."""
MOST_BEFORE = 4_000

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Bulk)


class Seen(msgspec.Struct, frozen=True):
    """A bulk as it was read."""

    bulk: Bulk
    document: Document

    @property
    def etag(self) -> str:
        """Another one after each change."""
        return f'"{self.document.version}"'


class Bulks:
    """Reads and writes bulks. Every method may raise `RegistryUnavailable`."""

    def __init__(self, pending: Pending) -> None:
        self._pending = pending

    def make(self, bulk: Bulk, now: int) -> Seen:
        """Keep a new one.

        Raises:
            PendingFull: there are too many.
        """
        document = self._pending.make(KIND, bulk.id, _encoder.encode(bulk), bulk.ends_at, now, MOST_BULKS)
        if document is None:  # two random ids of 128 bits
            raise LookupError(bulk.id)
        return Seen(bulk, document)

    def read(self, name: str, now: int) -> Seen | None:
        """One of them."""
        document = self._pending.read(KIND, name, now)
        return None if document is None else _seen(document)

    def every(self, now: int) -> list[Seen]:
        """All of them."""
        return [_seen(document) for document in self._pending.every(KIND, now)]

    def change(self, seen: Seen, bulk: Bulk, now: int) -> Seen | None:
        """Keep it as it is now; None: somebody was faster."""
        document = self._pending.change(KIND, seen.document, _encoder.encode(bulk), bulk.ends_at, now)
        return None if document is None else Seen(bulk, document)

    def put_lines(self, bulk: Bulk, part: int, subjects: Sequence[Subject], now: int) -> None:
        """Keep a part's lines, in place of what was sent of that part before.

        Raises:
            PendingFull: too many lines wait, of all bulks.
        """
        name, text = f"{bulk.id}:{part:04}", packed(subjects)
        known = self._pending.read(LINES, name, now)
        if known is None:
            self._pending.make(LINES, name, text, bulk.ends_at, now, MOST_PARTS)
        else:
            self._pending.change(LINES, known, text, bulk.ends_at, now)

    def chunk(self, bulk: Bulk, line: int, now: int) -> list[Subject]:
        """The lines from that one on which are carried out together: at most `CHUNK`, of one part."""
        part, start = bulk.place(line)
        document = self._pending.read(LINES, f"{bulk.id}:{part:04}", now)
        return [] if document is None else unpacked(document.text, start, start + CHUNK)

    def keep_before(self, bulk: Bulk, line: int, entries: Sequence[Revocation], now: int) -> None:
        """Keep what a chunk found; of two attempts what the first found.

        Raises:
            PendingFull: too much is kept, of all bulks.
        """
        if entries:
            self._pending.make(BEFORE, f"{bulk.id}:{line:07}", kept(entries), bulk.ends_at, now, MOST_BEFORE)

    def before(self, bulk: Bulk, line: int, now: int) -> dict[Subject, Revocation]:
        """What the chunk at that line found."""
        document = self._pending.read(BEFORE, f"{bulk.id}:{line:07}", now)
        return {} if document is None else put_back(document.text)


def _seen(document: Document) -> Seen:
    return Seen(_decoder.decode(document.text), document)
