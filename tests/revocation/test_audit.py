"""The audit trail's port, and the trail in memory."""

import msgspec
import pytest

from revocation.audit import Event, MemoryTrail, TrailUnavailable
from revocation.feed import public
from tests.revocation.entries import entry, subject

REVOKED = Event(
    at=7,
    actor="ann",
    via="api",
    action="revoke",
    reason="phished",
    request="r1",
    entries=(public(entry(subject("bob")), with_actor=True),),
    details={"ticket": "SEC-1"},
)


def test_events_are_kept_in_order() -> None:
    """What was written is there, in the order in which it was written."""
    trail = MemoryTrail()
    later = msgspec.structs.replace(REVOKED, action="release")
    trail.write([REVOKED, later])

    assert [REVOKED, later] == trail.events


def test_a_trail_out_of_reach_takes_nothing() -> None:
    """A trail that does not answer says so by its slug, and holds nothing of what it was given."""
    trail = MemoryTrail()
    trail.available = False

    with pytest.raises(TrailUnavailable) as refused:
        trail.write([REVOKED])
    assert ("trail_unavailable", []) == (refused.value.reason, trail.events)


def test_an_event_says_only_what_there_is() -> None:
    """Members without a value are left out of the JSON, and it reads back as it was."""
    event = Event(at=7, actor="worker-0", via="service", action="start")
    text = msgspec.json.encode(event)

    assert (b'{"at":7,"actor":"worker-0","via":"service","action":"start"}', event) == (
        text,
        msgspec.json.decode(text, type=Event),
    )
