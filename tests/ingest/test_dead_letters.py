"""Dead letters go on as they came."""

from ingest.dead_letters import MOST_KEY, MOST_VALUE, dead_letter
from ingest.formats.event import Reject
from tests.ingest.records import WRITTEN, record

REJECT = Reject("bad_json", "The record is not one JSON object.")
ABOUT = (
    ("error", b"The record is not one JSON object."),
    ("reason", b"bad_json"),
    ("topic", b"telemetry"),
    ("partition", b"3"),
    ("offset", b"7"),
)


def test_a_dead_letter_is_what_came_and_why() -> None:
    """Value, key, time and headers are the record's own; in front stands what was wrong, and where."""
    letter = dead_letter("dead", record(b"{", 7, key=b"k", headers=[("format", b"native"), ("void", None)]), REJECT)

    assert ("dead", b"{", b"k", WRITTEN) == (letter.topic, letter.value, letter.key, letter.timestamp)
    assert (*ABOUT, ("format", b"native"), ("void", b"")) == letter.headers


def test_a_dead_letter_without_anything_can_still_be_sent() -> None:
    """Kafka takes no record without key and value: the value is empty then."""
    letter = dead_letter("dead", record(None, 7, timestamp=-1), REJECT)

    assert (b"", None, None, ABOUT) == (letter.value, letter.key, letter.timestamp, letter.headers)


def test_a_dead_letter_fits_into_kafka() -> None:
    """What is too long to be sent on with its headers is cut, and says how long key and value were."""
    came = record(b"v" * 2_000_000, 7, key=b"k" * 50_000, headers=[("x", b"y" * 50_000)])
    letter = dead_letter("dead", came, REJECT)

    assert (b"v" * MOST_VALUE, b"k" * MOST_KEY) == (letter.value, letter.key)
    assert (*ABOUT, ("cut", b"50000 2000000")) == letter.headers
