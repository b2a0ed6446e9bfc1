"""The feed's lines."""

import msgspec
import pytest

from revocation.errors import FeedBroken
from revocation.feed import (
    Entry,
    decode_changes,
    decode_snapshot,
    encode_changes,
    encode_snapshot,
    private,
    public,
)
from revocation.record import Change, Cursor, Scope, State, Subject
from tests.revocation.entries import entry, subject

CURSOR = Cursor("epoch", 7)
ENTRIES = [
    entry(subject("ann"), actor=""),
    entry(subject("bob", Scope.SUBJECT), State.QUARANTINED, not_before=9, reasons=(), actor=""),
    entry(subject("cy"), State.RELEASED, released_at=2_000, actor=""),
]
CHANGES = [Change(seq=seq, entry=found) for seq, found in enumerate(ENTRIES, 8)]


def test_snapshot_comes_back() -> None:
    """A snapshot reads back from its lines."""
    snapshot = decode_snapshot(encode_snapshot(CURSOR, ENTRIES))

    assert (CURSOR, ENTRIES) == (snapshot.cursor, list(snapshot.entries))


def test_empty_snapshot_is_one() -> None:
    """A registry without entries has a snapshot too: the header and the end."""
    lines = list(encode_snapshot(CURSOR, []))

    assert (2, CURSOR) == (len(lines), decode_snapshot(lines).cursor)


def test_lines_are_compact() -> None:
    """An entry's line holds what differs from the defaults, in the order of the documentation."""
    line = list(encode_snapshot(CURSOR, [entry(subject("ann"))]))[1]

    digest = subject("ann").digest.hex()
    expected = (
        f'{{"scope":"family","digest":"{digest}","state":"revoked","reasons":["reuse.theft_confirmed"],"id":"d1",'
        '"decided_at":1000,"expires_at":100000}\n'
    )
    assert expected == line.decode()


def test_feed_names_nobody() -> None:
    """Who decided is not in the feed."""
    feed = b"".join(encode_snapshot(CURSOR, [entry(actor="ann.smith")]))

    assert b"ann.smith" not in feed


def test_actor_is_public_where_asked() -> None:
    """An administrator's list may say who decided, and reads back with it."""
    form = public(entry(actor="ann.smith"), with_actor=True)

    assert ("ann.smith", entry(actor="ann.smith")) == (form.actor, private(form))


def test_changes_come_back() -> None:
    """Changes read back from their lines, whatever the line ends have become on the way."""
    lines = [line.replace(b"\n", b"\r\n") for line in encode_changes(CURSOR, CHANGES)]

    assert CHANGES == decode_changes(lines, CURSOR)


@pytest.mark.parametrize("kept", range(5))
def test_cut_off_snapshot_is_none(kept: int) -> None:
    """A snapshot without its end line, or without an entry, is refused."""
    lines = list(encode_snapshot(CURSOR, ENTRIES))[:kept]

    with pytest.raises(FeedBroken):
        decode_snapshot(lines)


@pytest.mark.parametrize("line", range(5))
def test_damaged_snapshot_is_none(line: int) -> None:
    """A snapshot of which one digit of any line has changed is refused."""
    lines = list(encode_snapshot(CURSOR, ENTRIES))
    lines[line] = lines[line].translate(bytes.maketrans(b"0123456789", b"1234567890"))

    with pytest.raises(FeedBroken):
        decode_snapshot(lines)


def test_missing_entry_is_noticed() -> None:
    """A snapshot that lacks an entry in the middle is refused."""
    lines = list(encode_snapshot(CURSOR, ENTRIES))
    del lines[2]

    with pytest.raises(FeedBroken):
        decode_snapshot(lines)


def test_changes_are_no_snapshot() -> None:
    """Changes are not taken for a snapshot."""
    with pytest.raises(FeedBroken, match="not what was asked for"):
        decode_snapshot(encode_changes(CURSOR, CHANGES))


@pytest.mark.parametrize(
    ("sent", "after"),
    [(CHANGES, Cursor("other", 7)), (CHANGES, Cursor("epoch", 6)), (CHANGES[1:], CURSOR), (CHANGES[::2], CURSOR)],
    ids=["epoch", "place", "start", "gap"],
)
def test_changes_must_come_next(sent: list[Change], after: Cursor) -> None:
    """Changes of another epoch or place, or with a gap, are refused."""
    with pytest.raises(FeedBroken, match="after the cursor"):
        decode_changes(encode_changes(CURSOR, sent), after)


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


def test_impossible_entry_breaks_the_feed() -> None:
    """A well-framed snapshot that holds what cannot be an entry is refused."""
    lines = list(encode_snapshot(CURSOR, [entry(Subject(Scope.FAMILY, b"short"))]))

    with pytest.raises(FeedBroken, match="no entry"):
        decode_snapshot(lines)
