"""What a replica keeps when its registry loses its past, and what it learns of several shards."""

from collections.abc import Iterator

import pytest

from revocation.record import Change, Cursor, Position, Revocation, State, shard_of
from revocation.registry import Snapshot
from revocation.replica import Claims, Replica
from tests.revocation.entries import ISS, KEY, entry, subject

NOW = 50_000
TOKEN = Claims(iss=ISS, sid="s1")
REVOKED = entry(subject("s1"), decided_at=1_000)
QUARANTINED = entry(subject("s1"), State.QUARANTINED, decided_at=2_000)
RELEASED = entry(subject("s1"), State.RELEASED, decided_at=1_000, released_at=3_000)


def replica_of(*entries: Revocation, cursor: Cursor) -> Replica:
    """A replica that has read a snapshot of these entries."""
    replica = Replica(KEY)
    replica.load(Snapshot(cursor, iter(entries)), NOW)
    return replica


def said(replica: Replica, now: int = NOW) -> str:
    """What the replica says of the token."""
    return replica.check(TOKEN, now).decision


LATER = pytest.mark.parametrize(
    "cursor",
    [Cursor("another", 3), Cursor("epoch", 3), Cursor("another", 30)],
    ids=["lost all", "lost the last writes", "far on"],
)


@LATER
def test_known_bad_stays_when_the_registry_has_lost_it(cursor: Cursor) -> None:
    """A snapshot of another past, without the entry, does not let its token pass before the entry's end."""
    replica = replica_of(REVOKED, cursor=Cursor("epoch", 7))
    replica.load(Snapshot(cursor, iter(())), NOW)

    assert ("deny", "allow", Position((cursor,))) == (
        said(replica),
        said(replica, REVOKED.expires_at),
        replica.position,
    )


@LATER
def test_known_bad_does_not_weaken_by_a_loss(cursor: Cursor) -> None:
    """Whoever was revoked is not only quarantined because the registry has forgotten why, however it is told."""
    replica = replica_of(REVOKED, cursor=Cursor("epoch", 7))
    replica.load(Snapshot(cursor, iter([QUARANTINED])), NOW, [Change(seq=cursor.seq + 1, entry=QUARANTINED)])

    assert ("deny", cursor.seq + 1) == (said(replica), replica.position.seq if replica.position else 0)


@LATER
def test_a_release_counts_after_a_loss(cursor: Cursor) -> None:
    """Whoever was released in the new past passes."""
    replica = replica_of(REVOKED, cursor=Cursor("epoch", 7))
    replica.load(Snapshot(cursor, iter([RELEASED])), NOW)

    assert "allow" == said(replica)


def test_the_registrys_word_counts_again_once_both_agree() -> None:
    """An entry that the new past knows too is the registry's again: what it says next replaces it."""
    replica = replica_of(REVOKED, cursor=Cursor("epoch", 7))
    replica.load(Snapshot(Cursor("another", 3), iter([REVOKED])), NOW)
    replica.apply([Change(seq=4, entry=QUARANTINED)], NOW)

    assert "step_up" == said(replica)


def test_what_ended_is_not_merged() -> None:
    """An entry of a lost past that has ended does not strengthen a new decision."""
    replica = replica_of(REVOKED, cursor=Cursor("epoch", 7))
    again = entry(subject("s1"), State.QUARANTINED, expires_at=900_000)
    replica.load(Snapshot(Cursor("another", 3), iter([again])), REVOKED.expires_at)

    assert "step_up" == said(replica, REVOKED.expires_at)


def test_a_snapshot_of_the_same_past_is_the_registrys_word() -> None:
    """A snapshot further on in the same epoch replaces what is known of its subjects."""
    replica = replica_of(REVOKED, cursor=Cursor("epoch", 7))
    replica.load(Snapshot(Cursor("epoch", 9), iter([QUARANTINED])), NOW)

    assert "step_up" == said(replica)


def test_a_snapshot_that_breaks_off_moves_nothing() -> None:
    """What was read of a broken snapshot counts, what was known stays, and the position waits for a whole one."""
    replica = replica_of(REVOKED, cursor=Cursor("epoch", 7))

    def broken() -> Iterator[Revocation]:
        yield entry(subject("s2"))
        raise ConnectionError

    with pytest.raises(ConnectionError):
        replica.load(Snapshot(Cursor("another", 3), broken()), NOW)

    assert (Position((Cursor("epoch", 7),)), "deny", 2) == (replica.position, said(replica), len(replica))


POSITION = Position((Cursor("a", 4), Cursor("b", 40), Cursor("c", 400)))
ENTRIES = [entry(subject(f"family{n}")) for n in range(9)]


def of_shard(number: int) -> list[Revocation]:
    """The entries that the shard holds."""
    return [each for each in ENTRIES if shard_of(each.subject, 3) == number]


def test_shards_are_loaded_and_followed_apart() -> None:
    """A replica of three shards has a position when each was loaded, and knows all of them."""
    replica = Replica(KEY, shards=3)
    positions = []
    for number, cursor in enumerate(POSITION.cursors):
        replica.load(Snapshot(cursor, iter(of_shard(number))), NOW + number, shard=number)
        positions.append(replica.position)
    more = next(subject(f"x{n}") for n in range(99) if shard_of(subject(f"x{n}"), 3) == 1)
    replica.apply([Change(seq=41, entry=entry(more))], NOW + 9, shard=1)

    assert [None, None, POSITION] == positions
    expected = Position((Cursor("a", 4), Cursor("b", 41), Cursor("c", 400)))
    assert (expected, 10, NOW) == (replica.position, len(replica), replica.fresh_at)
    assert {each.subject for each in [*ENTRIES, entry(more)]} == {e.subject for e in replica.rows(0, replica.size)}


def test_all_shards_are_replaced_at_once() -> None:
    """A snapshot of the whole registry fills each shard, and changes of any shard follow it."""
    replica = Replica(KEY, shards=3)
    replica.replace(POSITION, iter(ENTRIES), NOW)
    tokens = [Claims(iss=ISS, sid=f"family{n}") for n in range(9)] + [Claims(iss=ISS, sid="honest")]

    assert ["deny"] * 9 + ["allow"] == [replica.check(token, NOW).decision for token in tokens]
    replica.apply([Change(seq=5, entry=entry(e.subject, State.RELEASED, released_at=3_000)) for e in of_shard(0)[:1]])
    assert (8, 445) == (len(replica), replica.position.seq if replica.position else 0)


def test_another_number_of_shards_is_refused() -> None:
    """A snapshot of a registry that was divided anew does not fit."""
    with pytest.raises(ValueError, match="number of shards"):
        Replica(KEY).replace(POSITION, iter(ENTRIES))


def test_changes_are_passed_on_as_they_are_held() -> None:
    """Who follows a replica is told of the stronger entry that it kept, not of what its registry has left of it."""
    replica = replica_of(REVOKED, cursor=Cursor("epoch", 7))
    told = [replica.apply([Change(seq=7, entry=REVOKED), Change(seq=8, entry=REVOKED)], NOW)]
    replica.load(Snapshot(Cursor("another", 3), iter(())), NOW)
    told.append(replica.apply([Change(seq=4, entry=QUARANTINED)], NOW))

    assert [[8], [4]] == [[change.seq for change in changes] for changes in told]
    assert (State.REVOKED, 2_000) == (told[1][0].entry.state, told[1][0].entry.decided_at)
