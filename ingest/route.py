"""Route: the providers' topics, re-keyed by subject.

Detection needs all events of a subject in one partition, and providers do not key that way: Keycloak's plugins send no
key, webhooks neither. One turn has four numbered steps:

1. **poll** records of the partitions that are ours.
2. **decode** each by its topic's format, or by the one its header `format` names.
3. **rekey**: identifiers become digests, and each event gets its key: the subject, else the session, else the address.
4. **settle**: native events, dead letters and the consumed offsets in one Kafka transaction.

A crash before the end of 4 leaves nothing that a reader sees, and the records are read again; after it, all is written,
once. Event ids survive, and an event without one gets a digest of its content as id, so that what a provider sent twice
is noticed behind. The record's timestamp survives too, as it is what an event's own time is checked against.

Without keys, a provider's partitions keep no order; within one turn, events are written in the order in which they
happened, which is all that can be done without waiting.

Some events name only the session, a refused refresh often. They belong into the partition of the session's subject, so
the route remembers which subject each session had, for a bounded number of sessions, and fills the subject in. Its
limit: the memory is this process's own. After a restart, or where several processes share an unkeyed topic, an event
whose session was not seen here is keyed by the session. Its family is split then, which the worker counts
(`families_in_two_partitions`), and what the engine still has for such an event is the provider's own word (`reuse`).
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from kafka import TopicPartition
from kafka.errors import KafkaError

from ingest.dead_letters import dead_letter
from ingest.exchange import Exchange
from ingest.formats.event import RefreshEvent
from ingest.formats.native import encode
from ingest.loop import Clocked, Loop
from ingest.outward.naming import HEADER, Name, nameless
from ingest.pseudonyms import Pseudonyms
from ingest.reader import Reader, Reading
from ingest.rekey import Rekey
from ingest.report import RouteReport
from ingest.sink import Message
from ingest.source import Place, Record

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTopics:
    """Where the route writes."""

    telemetry: str = "refresh.telemetry"
    dead_letters: str = "refresh.dead-letters"


@dataclass(slots=True)
class _Turn(Clocked):
    """One turn: what was read, what is to be written, and what was counted."""

    polled: Mapping[TopicPartition, list[Record]] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    keyed: Counter[str] = field(default_factory=Counter)


class Route(Loop[_Turn, RouteReport]):
    """Reads what providers write, writes what the worker reads; each turn settles what it read."""

    STEPS = ("poll", "decode", "rekey", "settle")

    def __init__(
        self,
        *,
        exchange: Exchange,
        reader: Reader,
        pseudonyms: Pseudonyms,
        clock: Callable[[], int],
        pseudonymise: bool = True,
        name: Name = nameless,
        topics: RouteTopics | None = None,
        poll_ms: int = 100,
        on_step: Callable[[int], None] = lambda _step: None,
        on_report: Callable[[RouteReport], None] = lambda _report: None,
    ) -> None:
        """Wire it.

        Args:
            exchange: the group member that reads the providers' topics, and the producer beside it.
            reader: decodes the topics that `exchange` reads.
            pseudonyms: the house's digests.
            clock: epoch milliseconds, for the lag.
            pseudonymise: whether identifiers leave as digests only; keys are digests either way.
            name: seals whom an event is about, for `notify` to open; it travels beside the digests.
            topics: where to write.
            poll_ms: how long a poll waits for a first record, i.e. how soon `run` sees that it shall end.
            on_step: as for every loop.
            on_report: as for every loop.
        """
        super().__init__(exchange, on_step, on_report)
        self._source = exchange.source
        self._reader = reader
        self._pseudonyms = pseudonyms
        self._pseudonymise = pseudonymise
        self._name = name
        self._rekey = Rekey(pseudonyms)
        self._clock = clock
        self._topics = topics or RouteTopics()
        self._poll_ms = poll_ms

    def _begin(self) -> _Turn:
        return _Turn()

    def _turn(self, turn: _Turn) -> None:
        self._admit()
        turn.polled = self._exchange.poll(self._poll_ms)
        if not turn.polled:
            return
        self._done(turn, 1)
        turn.readings = [self._reader.read(partition.topic, records) for partition, records in turn.polled.items()]
        self._done(turn, 2)
        turn.messages = list(self._messages(turn))
        self._done(turn, 3)
        places = {partition: self._place(partition, records) for partition, records in turn.polled.items()}
        self._exchange.settle(turn.messages, places)
        self._done(turn, 4)

    def _forget(self, turn: _Turn) -> None:
        self._source.hold(turn.polled)

    def _stall(self, reason: str) -> RouteReport:
        return RouteReport(stalls={reason: 1})

    def _admit(self) -> None:
        for partition in sorted(self._source.held):
            try:
                place = self._source.committed(partition)
                self._source.start(partition, self._source.beginning(partition) if place is None else place.offset)
            except KafkaError as error:
                log.warning("partitions wait", extra={"partition": partition, "error": type(error).__name__})
                return

    def _messages(self, turn: _Turn) -> Iterator[Message]:
        """What is to be written: events in the order in which they happened, as far as one turn can tell."""
        for event, record in sorted(_read(turn.readings), key=lambda pair: pair[0].at):
            sealed = self._name(event)
            if self._pseudonymise:
                self._pseudonyms.put(event)
            self._pseudonyms.name(event)
            key, what = self._rekey.key(event)
            turn.keyed[what] += 1
            timestamp = record.timestamp if record.timestamp >= 0 else None
            headers = () if sealed is None else ((HEADER, sealed),)
            yield Message(self._topics.telemetry, encode(event), key=key, headers=headers, timestamp=timestamp)
        for reading in turn.readings:
            for record, reject in reading.rejects:
                yield dead_letter(self._topics.dead_letters, record, reject)

    def _place(self, partition: TopicPartition, records: Sequence[Record]) -> Place:
        written = records[-1].timestamp
        return Place(self._source.position(partition), written if written >= 0 else None)

    def _report(self, turn: _Turn) -> RouteReport:
        times = [reading.events[-1].at for reading in turn.readings if reading.events]
        return RouteReport(
            records=sum(len(records) for records in turn.polled.values()),
            events=sum(len(reading.events) for reading in turn.readings),
            rejects=Counter(reject.reason for reading in turn.readings for _, reject in reading.rejects),
            keyed=turn.keyed,
            partitions=len(self._source.assignment()),
            behind=self._source.behind(),
            lag_ms=self._clock() - max(times) if times else None,
            lost=turn.lost,
            seconds=turn.seconds,
        )


def _read(readings: Sequence[Reading]) -> Iterator[tuple[RefreshEvent, Record]]:
    for reading in readings:
        yield from zip(reading.events, reading.origins, strict=True)
