"""The feed's lines."""

from hashlib import blake2b
from io import BytesIO

import msgspec
import pytest

from revocation.errors import FeedBroken
from revocation.feed import (
    Entry,
    decode_changes,
    decode_snapshot,
    encode_changes,
    encode_snapshot,
    end_of,
    line_of,
    private,
    public,
)
from revocation.record import Change, Cursor, Position, Revocation, Scope, State, Subject, shard_of
from tests.revocation.entries import entry, subject

AT = Position((Cursor("epoch", 7),))
ENTRIES = [
    entry(subject("ann"), actor=""),
    entry(subject("bob", Scope.SUBJECT), State.QUARANTINED, not_before=9, reasons=(), actor=""),
    entry(subject("cy"), State.RELEASED, released_at=2_000, actor=""),
]
CHANGES = [Change(seq=seq, entry=found) for seq, found in enumerate(ENTRIES, 8)]
LINES = [line_of(change.entry, change.seq) for change in CHANGES]
TO = Position((Cursor("epoch", 10),))


def snapshot_of(*entries: Revocation) -> list[bytes]:
    """The lines of a snapshot."""
    return list(encode_snapshot(AT, entries, at=1_000, age_ms=3))


def read(lines: list[bytes]) -> list[Revocation]:
    """The entries of the snapshot in these lines."""
    return list(decode_snapshot(BytesIO(b"".join(lines))).entries)


def test_snapshot_comes_back() -> None:
    """A snapshot reads back from its lines, and says how old it is."""
    heard = decode_snapshot(BytesIO(b"".join(snapshot_of(*ENTRIES))))

    assert (AT, 3, ENTRIES) == (heard.position, heard.age_ms, list(heard.entries))


def test_empty_snapshot_is_one() -> None:
    """A registry without entries has a snapshot too: the header and the end."""
    lines = snapshot_of()

    assert (2, []) == (len(lines), read(lines))


def test_lines_are_compact() -> None:
    """An entry's line holds what differs from the defaults, in the order of the documentation."""
    line = snapshot_of(entry(subject("ann")))[1]

    digest = subject("ann").digest.hex()
    expected = (
        f'{{"scope":"family","digest":"{digest}","state":"revoked","reasons":["reuse.theft_confirmed"],"id":"d1",'
        '"decided_at":1000,"expires_at":100000}\n'
    )
    assert expected == line.decode()


def test_feed_names_nobody() -> None:
    """Who decided is not in the feed."""
    feed = b"".join(snapshot_of(entry(actor="ann.smith")))

    assert b"ann.smith" not in feed


def test_actor_is_public_where_asked() -> None:
    """An administrator's list may say who decided, and reads back with it."""
    form = public(entry(actor="ann.smith"), with_actor=True)

    assert ("ann.smith", entry(actor="ann.smith")) == (form.actor, private(form))


def test_changes_come_back() -> None:
    """Changes read back from their frame, with the place after them."""
    heard = decode_changes(encode_changes(AT, TO, LINES, at=1_000, age_ms=3), AT)

    assert (TO, 3, CHANGES) == (heard.position, heard.age_ms, heard.changes)


def test_changes_of_shards_are_counted_apart() -> None:
    """Each change must be the next of its own shard, in whatever order the shards come."""
    after = Position((Cursor("a", 4), Cursor("b", 40)))
    entries = [entry(subject(f"s{number}"), actor="") for number in range(9)]
    cursors = [4, 40]
    changes = []
    for each in entries:
        shard = shard_of(each.subject, 2)
        cursors[shard] += 1
        changes.append(Change(seq=cursors[shard], entry=each))
    to = Position((Cursor("a", cursors[0]), Cursor("b", cursors[1])))
    heard = decode_changes(encode_changes(after, to, [line_of(one.entry, one.seq) for one in changes]), after)

    assert (to, changes) == (heard.position, heard.changes)
    assert min(cursors[0] - 4, cursors[1] - 40) > 0


@pytest.mark.parametrize("kept", range(5))
def test_cut_off_snapshot_is_none(kept: int) -> None:
    """A snapshot without its end line, or without an entry, is refused."""
    with pytest.raises(FeedBroken):
        read(snapshot_of(*ENTRIES)[:kept])


@pytest.mark.parametrize("line", range(5))
def test_damaged_snapshot_is_none(line: int) -> None:
    """A snapshot of which one digit of any line has changed is refused."""
    lines = snapshot_of(*ENTRIES)
    lines[line] = lines[line].translate(bytes.maketrans(b"0123456789", b"1234567890"))

    with pytest.raises(FeedBroken):
        read(lines)


def test_missing_entry_is_noticed() -> None:
    """A snapshot that lacks an entry in the middle is refused."""
    lines = snapshot_of(*ENTRIES)
    del lines[2]

    with pytest.raises(FeedBroken):
        read(lines)


def test_cut_off_changes_are_none() -> None:
    """Changes without their end line are refused, and so is nothing at all."""
    whole = encode_changes(AT, TO, LINES)
    for text in (b"", whole[: whole.index(b"\n") + 1], whole[: whole.rstrip().rindex(b"\n") + 1]):
        with pytest.raises(FeedBroken):
            decode_changes(text, AT)


def test_changes_are_no_snapshot() -> None:
    """Changes are not taken for a snapshot."""
    with pytest.raises(FeedBroken, match="not what was asked for"):
        read([encode_changes(AT, TO, LINES)])


@pytest.mark.parametrize(
    ("sent", "to", "after"),
    [
        (LINES, TO, Position((Cursor("other", 7),))),
        (LINES, TO, Position((Cursor("epoch", 6),))),
        (LINES[1:], TO, AT),
        (LINES[::2], TO, AT),
        (LINES, AT, AT),
    ],
    ids=["epoch", "place", "start", "gap", "end"],
)
def test_changes_must_come_next(sent: list[bytes], to: Position, after: Position) -> None:
    """Changes of another epoch or place, with a gap, or that lead elsewhere than they say, are refused."""
    with pytest.raises(FeedBroken, match="after the cursor"):
        decode_changes(encode_changes(AT, to, sent), after)


@pytest.mark.parametrize(
    "form",
    [
        msgspec.structs.replace(public(entry()), digest="00"),
        msgspec.structs.replace(public(entry()), digest="no digits"),
        msgspec.structs.replace(public(entry()), expires_at=-1),
    ],
    ids=["short", "digits", "time"],
)
def test_impossible_entries_are_refused(form: Entry) -> None:
    """A digest of the wrong length or a time out of range makes no entry."""
    with pytest.raises(ValueError, match=r"16 bytes|hexadecimal|milliseconds"):
        private(form)


def test_impossible_entries_break_the_feed() -> None:
    """A well-framed snapshot, or list of changes, that holds what cannot be an entry is refused."""
    nonsense = entry(Subject(Scope.FAMILY, b"short"))
    with pytest.raises(FeedBroken, match="no entry"):
        read(snapshot_of(nonsense))
    with pytest.raises(FeedBroken, match="no entry"):
        decode_changes(encode_changes(AT, TO, [line_of(nonsense, 8)]), AT)


def test_a_snapshot_at_no_place_is_refused() -> None:
    """A snapshot whose cursor cannot be read is none."""
    head = b'{"type":"snapshot","epoch":"e","seq":7,"cursor":"nowhere","count":0,"at":1,"age_ms":0}\n'
    with pytest.raises(FeedBroken, match="cursor"):
        read([head, end_of(0, blake2b(head, digest_size=16).hexdigest())])
