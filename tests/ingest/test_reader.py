"""The reader: which records become events, and why the others do not."""

import json

import msgspec
import pytest

from ingest.reader import Reader, Reading
from tests.ingest.records import WRITTEN, record
from tests.telemetry import ISSUERS, Session

AHEAD, BACK = 300_000, 86_400_000


@pytest.fixture
def reader() -> Reader:
    """A reader of native telemetry with bounds that are easily told apart."""
    return Reader({"telemetry": "native"}, ISSUERS, ahead_ms=AHEAD, back_ms=BACK)


def native(at: int) -> bytes:
    """A native record of an event at `at`."""
    return Session(at, step_ms=0).refreshes(1)[0]


def reasons(reading: Reading) -> list[tuple[int, str]]:
    """Offset and reason of each reject."""
    return [(origin.offset, reject.reason) for origin, reject in reading.rejects]


def test_events_know_their_records(reader: Reader) -> None:
    """Each event stands beside its record, in their order."""
    records = [record(native(WRITTEN), offset) for offset in (5, 6, 9)]
    reading = reader.read("telemetry", records)

    assert (records, []) == (reading.origins, reading.rejects)
    assert [json.loads(r.value)["id"] for r in records] == [event.id for event in reading.events]


def test_one_bad_record_spoils_no_other(reader: Reader) -> None:
    """A record that cannot be decoded is a reject, and those around it are events."""
    good = native(WRITTEN)
    reading = reader.read("telemetry", [record(good, 0), record(b"{", 1), record(None, 2), record(good, 3)])

    assert ([0, 3], [(1, "bad_json"), (2, "empty")]) == ([r.offset for r in reading.origins], reasons(reading))


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (WRITTEN + AHEAD, []),
        (WRITTEN + AHEAD + 1, [(0, "from_the_future")]),
        (WRITTEN - BACK, []),
        (WRITTEN - BACK - 1, [(0, "too_old")]),
    ],
)
def test_an_event_lies_near_its_record(reader: Reader, at: int, expected: list[tuple[int, str]]) -> None:
    """An event may be a little ahead of its record's time and some way behind it, and no further."""
    reading = reader.read("telemetry", [record(native(at), 0), record(native(WRITTEN), 1)])

    assert (expected, 2 - len(expected)) == (reasons(reading), len(reading.events))


def test_a_record_without_a_time_bounds_nothing(reader: Reader) -> None:
    """Records of old producers have no timestamp; their events are taken at their word."""
    reading = reader.read("telemetry", [record(native(WRITTEN + 10 * AHEAD), timestamp=-1)])

    assert (1, []) == (len(reading.events), reading.rejects)


def test_a_header_says_the_format(reader: Reader) -> None:
    """The header `format` goes before the topic's format, and an unknown one is a reject."""
    keycloak = Session(WRITTEN, step_ms=0).keycloak_refreshes(1)[0]
    records = [
        record(keycloak, 0, headers=[("format", b"keycloak")]),
        record(native(WRITTEN), 1, headers=[("trace", b"x")]),
        record(keycloak, 2, headers=[("format", b"\xff")]),
    ]
    reading = reader.read("telemetry", records)

    assert ([0, 1], [(2, "unknown_format")]) == ([r.offset for r in reading.origins], reasons(reading))


def test_a_record_of_another_matter_is_passed_over() -> None:
    """A provider's event that says nothing about refresh tokens is neither event nor reject."""
    other = msgspec.json.encode({"type": "UPDATE_PROFILE", "time": WRITTEN, "realmId": "x"})
    reading = Reader({"telemetry": "keycloak"}, ISSUERS).read("telemetry", [record(other)])

    assert Reading() == reading
