"""Reader: Kafka records to events, and what is wrong with those that hold none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ingest.formats import FORMATS
from ingest.formats.event import RefreshEvent, Reject
from ingest.source import Record
from revocation.issuers import Issuers

FORMAT_HEADER = "format"
"""A record may say its format itself; otherwise its topic's is taken."""
LATEST = 1 << 44
"""Event times are below this (the year 2527), which is what the engine computes with."""

Decode = Callable[[bytes, Issuers], list[RefreshEvent]]


@dataclass(slots=True)
class Reading:
    """What some records of a partition held: `origins[i]` is the record of `events[i]`; rejects with their records."""

    events: list[RefreshEvent] = field(default_factory=list)
    origins: list[Record] = field(default_factory=list)
    rejects: list[tuple[Record, Reject]] = field(default_factory=list)


class Reader:
    """Decodes records, each whole or not at all.

    An event may not lie further ahead of its record's timestamp than `ahead_ms`, since it would carry the partition's
    stream time away with it; nor further back than `back_ms`, since what it belongs to is forgotten.
    """

    def __init__(
        self,
        formats: Mapping[str, str],
        issuers: Issuers,
        *,
        ahead_ms: int = 5 * 60_000,
        back_ms: int = 7 * 86_400_000,
    ) -> None:
        self._decoders: dict[str, Decode] = {topic: FORMATS[name] for topic, name in formats.items()}
        self._issuers = issuers
        self._ahead_ms = ahead_ms
        self._back_ms = back_ms

    def read(self, topic: str, records: Sequence[Record]) -> Reading:
        """Decode the records of one partition, in order."""
        usual = self._decoders[topic]
        reading = Reading()
        for record in records:
            try:
                decode = _stated(record, usual) if record.headers else usual
                found = decode(_value(record), self._issuers)
                for event in found:
                    self._check(event.at, record.timestamp)
            except Reject as reject:
                reading.rejects.append((record, reject))
                continue
            reading.events += found
            reading.origins += [record] * len(found)
        return reading

    def _check(self, at: int, written: int) -> None:
        anchored = written >= 0
        if at >= LATEST or (anchored and at > written + self._ahead_ms):
            raise Reject("from_the_future", "The event is later than its Kafka record; check the provider's clock.")
        if at < 0 or (anchored and at < written - self._back_ms):
            raise Reject("too_old", "The event is much older than its Kafka record; `worker.too_old_s` says how much.")


def _value(record: Record) -> bytes:
    if record.value is None:
        raise Reject("empty", "The record has no value.")
    return record.value


def _stated(record: Record, usual: Decode) -> Decode:
    for name, value in record.headers:
        if name == FORMAT_HEADER:
            stated = FORMATS.get(value.decode("ascii", "replace"))
            if stated is None:
                raise Reject("unknown_format", "The header `format` names no known format.")
            return stated
    return usual
