"""What the registry remembers: digests, cursors, and how decisions merge."""

from itertools import permutations

import pytest

from revocation.record import (
    LATEST,
    Cursor,
    Position,
    Scope,
    State,
    digester,
    is_live,
    merge,
    pseudonym,
    release,
    unmask,
)
from tests.revocation.entries import ISS, KEY, entry, subject


def test_digest_is_of_scope_and_issuer() -> None:
    """The same identifier in another scope, of another issuer or under another key has another digest."""
    digests = {
        digester(KEY, Scope.FAMILY, ISS)("ann"),
        digester(KEY, Scope.SUBJECT, ISS)("ann"),
        digester(KEY, Scope.FAMILY, ISS + "2")("ann"),
        digester(b"another key", Scope.FAMILY, ISS)("ann"),
    }

    assert {16} == {len(digest) for digest in digests}
    assert 4 == len(digests)


def test_issuer_and_value_do_not_run_into_one_another() -> None:
    """Moving a letter from the value to the issuer changes the digest."""
    assert digester(KEY, Scope.FAMILY, "ab")("c") != digester(KEY, Scope.FAMILY, "a")("bc")


def test_half_a_surrogate_pair_has_a_digest() -> None:
    """A claim that is no whole text, which only a token that was made up holds, is digested like any other."""
    halves = {digester(KEY, Scope.FAMILY, ISS)(value) for value in ("\ud800", "\udfff", "")}

    assert 3 == len(halves)
    assert 16 == len(digester(KEY, Scope.FAMILY, "\ud800")("ann"))


def test_pseudonym_and_back() -> None:
    """A pseudonym holds the digest itself."""
    digest = subject().digest

    assert digest == unmask(pseudonym(digest))


@pytest.mark.parametrize("identifier", ["ann", "tw1.00", "tw1." + "g" * 32, "tw2." + "0" * 32])
def test_ordinary_identifiers_hold_no_digest(identifier: str) -> None:
    """Only the prefix with 32 hexadecimal digits is a pseudonym."""
    assert unmask(identifier) is None


def test_cursor_survives_its_text() -> None:
    """A cursor reads back from what it writes, whatever the epoch contains."""
    cursor = Cursor("an:epoch", 7)

    assert cursor == Cursor.parse(str(cursor))


@pytest.mark.parametrize("text", ["", "7", ":7", "epoch:", "epoch:x", "epoch:-1"])
def test_other_text_is_no_cursor(text: str) -> None:
    """A cursor that the registry did not give is refused."""
    with pytest.raises(ValueError, match="<epoch>:<seq>"):
        Cursor.parse(text)


@pytest.mark.parametrize(("expires_at", "not_before"), [(-1, 0), (LATEST + 1, 0), (100_000, -1)])
def test_times_beyond_doubles_are_refused(expires_at: int, not_before: int) -> None:
    """A time that Redis' scripts could not hold exactly makes no revocation."""
    with pytest.raises(ValueError, match="epoch milliseconds"):
        entry(expires_at=expires_at, not_before=not_before)


@pytest.mark.parametrize(
    ("state", "released_at"), [(State.REVOKED, 1_000), (State.RELEASED, 999), (State.RELEASED, -1)]
)
def test_state_and_release_agree(state: State, released_at: int) -> None:
    """A live entry that was released, or a released one that was not, makes no revocation."""
    with pytest.raises(ValueError, match="is released exactly when"):
        entry(state=state, released_at=released_at)


def test_first_decision_stands_as_it_is() -> None:
    """Where nothing was, the decision is the entry."""
    new = entry()

    assert new is merge(None, new)


def test_stronger_state_and_later_times_win() -> None:
    """A quarantine that a revocation meets ends as a revocation with the later of all times."""
    old = entry(state=State.QUARANTINED, id="q", expires_at=200_000, not_before=5)
    new = entry(state=State.REVOKED, id="r", decided_at=2_000, expires_at=100_000, not_before=9)

    expected = entry(state=State.REVOKED, id="r", decided_at=2_000, expires_at=200_000, not_before=9)
    assert expected == merge(old, new)


def test_weaker_decision_only_lends_its_times() -> None:
    """A revocation that a quarantine meets stays one, with its own id and reasons."""
    old = entry(id="r")
    new = entry(state=State.QUARANTINED, id="q", decided_at=2_000, expires_at=200_000, reasons=("cadence.burst",))

    assert entry(id="r", decided_at=2_000, expires_at=200_000) == merge(old, new)


def test_same_decision_changes_nothing() -> None:
    """A decision delivered again returns the entry that is there."""
    old = entry()

    assert old is merge(old, entry())


def test_release_keeps_the_decision_away() -> None:
    """A released decision that is delivered again changes nothing."""
    tombstone = release(entry(), 2_000, "ann")

    assert tombstone is merge(tombstone, entry())


def test_release_keeps_weaker_decisions_away_too() -> None:
    """What had merged into the released entry does not come back either, though its id was not kept."""
    quarantine = entry(state=State.QUARANTINED, id="q")
    tombstone = release(merge(quarantine, entry(id="r", decided_at=1_500)), 2_000, "ann")

    assert tombstone is merge(tombstone, quarantine)


def test_release_covers_decisions_of_a_clock_ahead() -> None:
    """A release is never earlier than what it releases."""
    assert 1_000 == release(entry(decided_at=1_000), 900, "ann").released_at


def test_decision_after_a_release_counts() -> None:
    """A later decision stands on its own, and remembers the release."""
    tombstone = release(entry(expires_at=500_000), 2_000, "ann")
    later = entry(state=State.QUARANTINED, id="q", decided_at=2_001)

    expected = entry(state=State.QUARANTINED, id="q", decided_at=2_001, released_at=2_000)
    assert expected == merge(tombstone, later)


def test_release_from_elsewhere_releases() -> None:
    """A tombstone of another region releases what was decided before it."""
    tombstone = release(entry(), 2_000, "ann")

    assert tombstone == merge(entry(), tombstone)


def test_release_from_elsewhere_spares_later_decisions() -> None:
    """A tombstone of another region leaves what was decided after it, and keeps the earlier ones away."""
    later = entry(id="later", decided_at=3_000)

    assert entry(id="later", decided_at=3_000, released_at=2_000) == merge(later, release(entry(), 2_000, "ann"))


def test_two_releases_are_the_later_one() -> None:
    """Tombstones merge into one that forgives up to the later moment."""
    early, late = release(entry(), 2_000, "ann"), release(entry(expires_at=150_000), 3_000, "bob")

    merged = merge(early, late)

    assert (3_000, 150_000) == (merged.released_at, merged.expires_at)


def test_order_of_decisions_does_not_matter() -> None:
    """Decisions give the same state and times in every order."""
    parts = [
        entry(state=State.QUARANTINED, id="q", expires_at=300_000),
        entry(id="r", decided_at=1_500, not_before=4),
        entry(state=State.QUARANTINED, id="p", decided_at=1_700, expires_at=120_000),
    ]
    wholes = [merge(merge(first, second), third) for first, second, third in permutations(parts)]

    expected = {(State.REVOKED, 1_700, 300_000, 4)}
    assert expected == {(whole.state, whole.decided_at, whole.expires_at, whole.not_before) for whole in wholes}


def test_live_until_its_expiry() -> None:
    """An entry hits up to its expiry and not at it; a released one never."""
    revoked = entry(expires_at=100_000)

    lives = [is_live(revoked, 99_999), is_live(revoked, 100_000), is_live(release(revoked, 2_000, "ann"), 3_000)]
    assert [True, False, False] == lives


def test_states_have_slugs() -> None:
    """A state's name in answers is its word in small letters."""
    assert ["released", "quarantined", "revoked"] == [state.slug for state in State]


@pytest.mark.parametrize("text", ["5f0c:7", "5f0c:7,a1:0", "a:b:9"])
def test_position_is_read_as_it_is_written(text: str) -> None:
    """A position of any number of shards comes back from its text."""
    assert text == str(Position.parse(text))


@pytest.mark.parametrize("text", ["", "5f0c", "5f0c:", "5f0c:7,", ",", "a:1,b", "a:-1"])
def test_what_is_no_position_is_refused(text: str) -> None:
    """Each shard's part must be a cursor."""
    with pytest.raises(ValueError, match="cursor"):
        Position.parse(text)


def test_position_sums_up_its_shards() -> None:
    """For people, a position is the epochs and the sum of the changes."""
    position = Position.parse("5f0c:7,a1:30")

    assert ("5f0c.a1", 37) == (position.epoch, position.seq)
