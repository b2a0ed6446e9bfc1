"""Reader: Kafka records to events, and what is wrong with those that hold none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ingest.formats import FORMATS
from ingest.formats.event import RefreshEvent, Reject
from ingest.source import Record
from revocation.issuers import Issuers

FORMAT_HEADER = "format"
"""A record may say its format itself; otherwise its topic's is taken."""

FROM_THE_FUTURE = ("from_the_future", "The event is later than its Kafka record; check the provider's clock.")
TOO_OLD = ("too_old", "The event is much older than its Kafka record; `worker.too_old_s` says how much may be.")

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
        usual, issuers = self._decoders[topic], self._issuers
        events: list[RefreshEvent] = []
        origins: list[Record] = []
        rejects: list[tuple[Record, Reject]] = []
        for record in records:
            try:
                value = record.value
                if value is None:
                    raise Reject("empty", "The record has no value.")  # noqa: TRY301 - all rejects leave by one door
                found = (_stated(record, usual) if record.headers else usual)(value, issuers)
            except Reject as reject:
                rejects.append((record, reject))
                continue
            events += found
            origins += [record] * len(found)
        return self._timely(Reading(events, origins, rejects))

    def _timely(self, reading: Reading) -> Reading:
        """Reject records that hold an event out of time; all are looked at at once, since there hardly ever is one."""
        at = np.array([event.at for event in reading.events], np.int64)
        written = np.array([record.timestamp for record in reading.origins], np.int64)
        anchored = written >= 0
        early = anchored & (at > written + self._ahead_ms)
        late = anchored & (at < written - self._back_ms)
        if not (early | late).any():
            return reading
        wrong = {record.offset: record for record, bad in zip(reading.origins, early | late, strict=True) if bad}
        ahead = {reading.origins[row].offset for row in np.flatnonzero(early)}
        kept = [row for row, record in enumerate(reading.origins) if record.offset not in wrong]
        return Reading(
            [reading.events[row] for row in kept],
            [reading.origins[row] for row in kept],
            reading.rejects
            + [
                (record, Reject(*(FROM_THE_FUTURE if offset in ahead else TOO_OLD))) for offset, record in wrong.items()
            ],
        )


def _stated(record: Record, usual: Decode) -> Decode:
    for name, value in record.headers:
        if name == FORMAT_HEADER:
            stated = FORMATS.get(value.decode("ascii", "replace"))
            if stated is None:
                raise Reject("unknown_format", "The header `format` names no known format.")
            return stated
    return usual
