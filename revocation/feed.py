"""The feed's lines: a snapshot, and the changes after it, as NDJSON. PURE.

A snapshot is a header, the entries, and an end line with a digest of every byte before it; without the end line it is
no snapshot. Changes have the same frame; each has its shard's sequence number, without a gap in any shard.

    {"type":"snapshot","epoch":"5f0c","seq":7,"cursor":"5f0c:7","count":1,"at":1767323045700,"age_ms":3}
    {"scope":"family","digest":"00ff…","state":"revoked","reasons":["reuse.theft_confirmed"],"id":"9a…",
     "decided_at":1767323045678,"expires_at":1767326645678}                                     (one line in the feed)
    {"type":"end","count":1,"digest":"d41d…"}

All times are epoch milliseconds. `not_before` and `released_at` are absent where there is none. Who decided is not in
the feed, which carries no personal data; it stands in the audit log. `at` is the sender's clock, `age_ms` how long ago
the sender itself heard of the registry.
"""

from collections.abc import Collection, Iterable, Iterator
from hashlib import blake2b
from typing import BinaryIO, Literal, TypeVar

import msgspec

from revocation.errors import FeedBroken
from revocation.record import DIGEST_BYTES, NEVER, Change, Cursor, Position, Revocation, Scope, State, Subject, shard_of

T = TypeVar("T")
Slug = Literal["released", "quarantined", "revoked"]
SLUGS: dict[State, Slug] = {State.RELEASED: "released", State.QUARANTINED: "quarantined", State.REVOKED: "revoked"}
STATES: dict[str, State] = {slug: state for state, slug in SLUGS.items()}


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


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What comes first. `cursor` is a snapshot's position; of changes, the place that they come after."""

    type: Literal["snapshot", "changes"]
    #: The cursor's epochs and the sum of its numbers, for people.
    epoch: str
    seq: int
    cursor: str
    count: int
    #: The sender's clock.
    at: int
    #: How long before that the sender heard of the registry.
    age_ms: int


class End(msgspec.Struct, frozen=True, omit_defaults=True):
    """What comes last: BLAKE2b-128, in hexadecimal, of all lines before, line ends included."""

    type: Literal["end"]
    count: int
    digest: str
    #: Of changes: the place after them.
    cursor: str = ""


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What a frame says besides entries. `entries` of a snapshot are decoded as they are consumed, once."""

    position: Position
    #: As in the header.
    at: int
    age_ms: int
    entries: Iterator[Revocation] = msgspec.field(default_factory=lambda: iter(()))
    changes: list[Change] = msgspec.field(default_factory=list)


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
        state=STATES[entry.state],
        reasons=entry.reasons,
        decided_at=entry.decided_at,
        expires_at=entry.expires_at,
        not_before=entry.not_before,
        actor=entry.actor or "",
        released_at=entry.released_at,
    )


def header_of(kind: Literal["snapshot", "changes"], position: Position, count: int, at: int, age_ms: int) -> bytes:
    """The first line of a frame."""
    header = Header(
        type=kind, epoch=position.epoch, seq=position.seq, cursor=str(position), count=count, at=at, age_ms=age_ms
    )
    return _encoder.encode(header) + b"\n"


def line_of(entry: Revocation, seq: int | None = None) -> bytes:
    """The line of an entry, or of a change."""
    return _encoder.encode(public(entry, seq)) + b"\n"


def end_of(count: int, digest: str, position: Position | None = None) -> bytes:
    """The last line of a frame; `digest` is that of all lines before it."""
    return _encoder.encode(End("end", count, digest, "" if position is None else str(position))) + b"\n"


def encode_snapshot(
    position: Position, entries: Collection[Revocation], at: int = 0, age_ms: int = 0
) -> Iterator[bytes]:
    """A snapshot's lines, each with its line end."""
    digest = blake2b(digest_size=DIGEST_BYTES)
    head = header_of("snapshot", position, len(entries), at, age_ms)
    digest.update(head)
    yield head
    for entry in entries:
        line = line_of(entry)
        digest.update(line)
        yield line
    yield end_of(len(entries), digest.hexdigest())


def encode_changes(after: Position, to: Position, lines: Collection[bytes], at: int = 0, age_ms: int = 0) -> bytes:
    """The frame of what changed between two positions; `lines` are those of `line_of`."""
    text = header_of("changes", after, len(lines), at, age_ms) + b"".join(lines)
    return text + end_of(len(lines), blake2b(text, digest_size=DIGEST_BYTES).hexdigest(), to)


def decode_snapshot(file: BinaryIO) -> Heard:
    """The snapshot in a file of lines that can be read twice: it is checked whole before the first entry is given.

    Raises:
        FeedBroken: the end is missing, something was added or damaged, or it is no snapshot; also while its entries are
            consumed, where what was sent is none.
    """
    first = file.readline()
    header, digest = _read(_header, first), blake2b(first, digest_size=DIGEST_BYTES)
    count, last = 0, b""
    for line in file:
        if last:
            digest.update(last)
            count += 1
        last = line
    _check(header, "snapshot", _read(_end, last), count, digest.hexdigest())
    file.seek(len(first))
    return Heard(position=_position(header.cursor), at=header.at, age_ms=header.age_ms, entries=_entries(file, count))


def decode_changes(text: bytes, after: Position) -> Heard:
    """The changes in a frame.

    Raises:
        FeedBroken: as for a snapshot, or they are not those that come next after the position.
    """
    lines = text.splitlines(keepends=True)
    if len(lines) < len(("header", "end")):
        raise FeedBroken("The feed is cut off or damaged.")
    header, end = _read(_header, lines[0]), _read(_end, lines[-1])
    digest = blake2b(text[: -len(lines[-1])], digest_size=DIGEST_BYTES).hexdigest()
    _check(header, "changes", end, len(lines) - 2, digest)
    position, changes = _after(after, lines[1:-1])
    if header.cursor != str(after) or end.cursor != str(position):
        raise FeedBroken("The feed's changes are not those that come after the cursor.")
    return Heard(position=position, at=header.at, age_ms=header.age_ms, changes=changes)


def _after(position: Position, lines: Iterable[bytes]) -> tuple[Position, list[Change]]:
    """Where these changes lead, and they: each must be the next of its shard."""
    cursors = list(position.cursors)
    changes: list[Change] = []
    for line in lines:
        entry = _read(_entry, line)
        revocation = _private(entry)
        shard = shard_of(revocation.subject, len(cursors))
        seq = cursors[shard].seq + 1
        if entry.seq != seq:
            raise FeedBroken("The feed's changes are not those that come after the cursor.")
        cursors[shard] = Cursor(cursors[shard].epoch, seq)
        changes.append(Change(seq=seq, entry=revocation))
    return Position(tuple(cursors)), changes


def _entries(file: BinaryIO, count: int) -> Iterator[Revocation]:
    try:
        for _ in range(count):
            yield private(_entry.decode(file.readline()))
    except ValueError:  # msgspec's, and that of an entry which contradicts itself
        raise FeedBroken("The feed holds something that is no entry.") from None


def _read(decoder: msgspec.json.Decoder[T], line: bytes) -> T:
    try:
        return decoder.decode(line)
    except msgspec.DecodeError:
        raise FeedBroken("The feed is cut off or damaged.") from None


def _check(header: Header, kind: str, end: End, count: int, digest: str) -> None:
    if header.type != kind or not header.count == end.count == count or end.digest != digest:
        raise FeedBroken("The feed is not what was sent, or not what was asked for.")


def _position(text: str) -> Position:
    try:
        return Position.parse(text)
    except ValueError:
        raise FeedBroken("The feed's cursor is none.") from None


def _private(entry: Entry) -> Revocation:
    try:
        return private(entry)
    except ValueError as error:
        raise FeedBroken("The feed holds something that is no entry.") from error
