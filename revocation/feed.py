"""The feed's lines: a snapshot, and the changes after it, as NDJSON. PURE.

A snapshot is a header, the entries, and an end line with a digest of every byte before it; without the end line it is
no snapshot. Changes have the same frame, and each its sequence number, one after the other without a gap.

    {"type":"snapshot","epoch":"5f0c","seq":7,"count":1}
    {"scope":"family","digest":"00ff…","state":"revoked","reasons":["reuse.theft_confirmed"],"id":"9a…",
     "decided_at":1767323045678,"expires_at":1767326645678}                                     (one line in the feed)
    {"type":"end","count":1,"digest":"d41d…"}

All times are epoch milliseconds. `not_before` and `released_at` are absent where there is none. Who decided is not in
the feed, which carries no personal data; it stands in the audit log.
"""

from collections.abc import Collection, Iterable, Iterator
from hashlib import blake2b
from itertools import chain
from typing import Literal

import msgspec

from revocation.errors import FeedBroken
from revocation.record import DIGEST_BYTES, NEVER, Change, Cursor, Revocation, Scope, State, Subject
from revocation.registry import Snapshot

Slug = Literal["released", "quarantined", "revoked"]
SLUGS: dict[State, Slug] = {State.RELEASED: "released", State.QUARANTINED: "quarantined", State.REVOKED: "revoked"}


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The public form of an entry, in the feed and in `GET /v1/revocations`."""

    #: The number of the change; only in a list of changes.
    seq: int | None = None
    scope: Scope
    #: 16 bytes in hexadecimal.
    digest: str
    state: Slug
    reasons: tuple[str, ...]
    id: str
    decided_at: int
    expires_at: int
    not_before: int = 0
    released_at: int = NEVER
    #: Who decided; only where the reader may know.
    actor: str | None = None


class Header(msgspec.Struct, frozen=True):
    """What comes first. `seq` is a snapshot's cursor; of changes, the place that they come after."""

    type: Literal["snapshot", "changes"]
    epoch: str
    seq: int
    count: int


class End(msgspec.Struct, frozen=True):
    """What comes last: BLAKE2b-128, in hexadecimal, of all lines before, line ends included."""

    type: Literal["end"]
    count: int
    digest: str


_encoder = msgspec.json.Encoder()
_header = msgspec.json.Decoder(Header)
_entry = msgspec.json.Decoder(Entry)
_end = msgspec.json.Decoder(End)


def public(entry: Revocation, seq: int | None = None, *, with_actor: bool = False) -> Entry:
    """The public form of an entry."""
    return Entry(
        seq=seq,
        scope=entry.subject.scope,
        digest=entry.subject.digest.hex(),
        state=SLUGS[entry.state],
        reasons=entry.reasons,
        id=entry.id,
        decided_at=entry.decided_at,
        expires_at=entry.expires_at,
        not_before=entry.not_before,
        released_at=entry.released_at,
        actor=entry.actor if with_actor else None,
    )


def private(entry: Entry) -> Revocation:
    """The entry of a public form; where that does not say who decided, nobody is named.

    Raises:
        ValueError: it cannot be an entry.
    """
    digest = bytes.fromhex(entry.digest)
    if len(digest) != DIGEST_BYTES:
        raise ValueError("An entry's digest has 16 bytes.")
    return Revocation(
        id=entry.id,
        subject=Subject(entry.scope, digest),
        state=State[entry.state.upper()],
        reasons=entry.reasons,
        decided_at=entry.decided_at,
        expires_at=entry.expires_at,
        not_before=entry.not_before,
        actor=entry.actor or "",
        released_at=entry.released_at,
    )


def encode_snapshot(cursor: Cursor, entries: Collection[Revocation]) -> Iterator[bytes]:
    """A snapshot's lines, each with its line end."""
    header = Header("snapshot", cursor.epoch, cursor.seq, len(entries))
    return _frame(header, (public(entry) for entry in entries))


def encode_changes(after: Cursor, changes: Collection[Change]) -> Iterator[bytes]:
    """The lines of what changed after a cursor, each with its line end."""
    header = Header("changes", after.epoch, after.seq, len(changes))
    return _frame(header, (public(change.entry, change.seq) for change in changes))


def decode_snapshot(lines: Iterable[bytes]) -> Snapshot:
    """The snapshot in these lines, all of which are read and checked before anything is returned.

    Raises:
        FeedBroken: the end is missing, something was added or damaged, or it is no snapshot.
    """
    header, entries = _unframe(lines, "snapshot")
    return Snapshot(Cursor(header.epoch, header.seq), iter([_private(entry) for entry in entries]))


def decode_changes(lines: Iterable[bytes], after: Cursor) -> list[Change]:
    """The changes in these lines.

    Raises:
        FeedBroken: as for a snapshot, or they are not those that come next after the cursor.
    """
    header, entries = _unframe(lines, "changes")
    numbers = [entry.seq for entry in entries]
    if Cursor(header.epoch, header.seq) != after or numbers != list(range(after.seq + 1, after.seq + 1 + len(numbers))):
        raise FeedBroken("The feed's changes are not those that come after the cursor.")
    return [Change(seq=seq, entry=_private(entry)) for seq, entry in enumerate(entries, after.seq + 1)]


def _frame(header: Header, entries: Iterable[Entry]) -> Iterator[bytes]:
    digest = blake2b(digest_size=DIGEST_BYTES)
    for part in chain([header], entries):
        line = _encoder.encode(part) + b"\n"
        digest.update(line)
        yield line
    yield _encoder.encode(End("end", header.count, digest.hexdigest())) + b"\n"


def _unframe(lines: Iterable[bytes], kind: str) -> tuple[Header, list[Entry]]:
    digest = blake2b(digest_size=DIGEST_BYTES)
    whole = [line.rstrip(b"\r\n") for line in lines]
    try:
        header, entries, end = (
            _header.decode(whole[0]),
            [_entry.decode(line) for line in whole[1:-1]],
            _end.decode(whole[-1]),
        )
    except (IndexError, msgspec.DecodeError):
        raise FeedBroken("The feed is cut off or damaged.") from None
    for line in whole[:-1]:
        digest.update(line + b"\n")
    if header.type != kind or not header.count == end.count == len(entries) or end.digest != digest.hexdigest():
        raise FeedBroken("The feed is not what was sent, or not what was asked for.")
    return header, entries


def _private(entry: Entry) -> Revocation:
    try:
        return private(entry)
    except ValueError as error:
        raise FeedBroken("The feed holds something that is no entry.") from error
