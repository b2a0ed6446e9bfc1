"""How an entry lies in Redis."""

import pytest

from revocation.layout import HEAD, SCOPES, LayoutError, field_of, pack, unpack
from revocation.record import LATEST, Change, Revocation, Scope, State
from tests.revocation.entries import entry, subject

RICH = entry(
    subject("ann", Scope.SUBJECT),
    State.QUARANTINED,
    expires_at=LATEST,
    not_before=7,
    released_at=5,
    reasons=("cadence.burst", "travel.impossible"),
    actor="Zoë of the SOC",
)


@pytest.mark.parametrize("whole", [RICH, entry(reasons=(), actor=""), entry(state=State.RELEASED, released_at=1_000)])
def test_an_entry_comes_back_whole(whole: Revocation) -> None:
    """Nothing of an entry is lost in Redis."""
    assert Change(seq=9, entry=whole) == unpack(field_of(whole.subject), pack(whole, seq=9))


def test_scopes_differ_in_their_letter() -> None:
    """No two scopes share the first letter, which names them in Redis."""
    assert len(Scope) == len(SCOPES)


def test_labels_of_a_later_version_are_left_alone() -> None:
    """An entry to which a later version has added a label can be read."""
    value = pack(RICH)
    start = HEAD.size + len(RICH.actor.encode())
    longer = value[:start] + bytes([value[start] + 1]) + value[start + 1 :] + b"\x2a"

    assert RICH == unpack(field_of(RICH.subject), longer).entry


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"?" + b"0" * 16, pack(RICH)),
        (field_of(RICH.subject), b"short"),
        (field_of(RICH.subject), pack(RICH)[:-3]),
        (field_of(RICH.subject), b"\x09" + pack(RICH)[1:]),
    ],
    ids=["scope", "head", "labels", "state"],
)
def test_what_is_no_entry_is_refused(field: bytes, value: bytes) -> None:
    """An unknown scope or state, or a value cut off, is an error and not a wrong entry."""
    with pytest.raises(LayoutError, match="cannot read"):
        unpack(field, value)
