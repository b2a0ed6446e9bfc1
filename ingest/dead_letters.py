"""Dead letters: what could not be used goes on as it came, and says why and from where."""

from ingest.formats.event import Reject
from ingest.sink import Message
from ingest.source import Record

MOST_VALUE = 900_000
MOST_KEY = 10_000
MOST_HEADERS = 20_000
"""Bytes. A broker takes 1 MiB by default, and ours must fit beside the headers; what is longer is cut and says so."""


def dead_letter(topic: str, record: Record, reject: Reject) -> Message:
    """The message for `topic`; its first headers are error, reason, topic, partition and offset."""
    value, key = record.value, record.key
    about = {
        "error": reject.sentence,
        "reason": reject.reason,
        "topic": record.topic,
        "partition": str(record.partition),
        "offset": str(record.offset),
    }
    if len(value or b"") > MOST_VALUE or len(key or b"") > MOST_KEY:
        about["cut"] = f"{len(key or b'')} {len(value or b'')}"
        value, key = value and value[:MOST_VALUE], key and key[:MOST_KEY]
    return Message(
        topic=topic,
        value=value if value is not None or key is not None else b"",
        key=key,
        headers=tuple((name, text.encode()) for name, text in about.items()) + _original(record),
        timestamp=record.timestamp if record.timestamp >= 0 else None,
    )


def _original(record: Record) -> tuple[tuple[str, bytes], ...]:
    headers = tuple((name, value or b"") for name, value in record.headers)
    return headers if sum(len(name) + len(value) for name, value in headers) <= MOST_HEADERS else ()
