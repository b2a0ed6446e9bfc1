"""Notify: the house's decisions become letters to others.

One turn has three numbered steps:

1. **poll** records of alerts and of the registry's changes.
2. **tell**: each is news about somebody, or says why it is none; news lie signed in the queues of all whom they
   concern, and it is remembered that they do. Alerts go first: a release is about what they told.
3. **settle**: dead letters and the consumed offsets in one Kafka transaction.

A crash before the end of 3 reads the records again; what lies in a queue, or was delivered, has the same id and is not
put there twice. Delivering is not this loop's work but the courier's (`ingest.outward.courier`), beside it.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from kafka import TopicPartition
from kafka.errors import KafkaError

from ingest.exchange import Exchange
from ingest.loop import Clocked, Loop
from ingest.outward.hearing import Heard, Hearing, Unheard
from ingest.outward.letters import DEAD_QUEUE, buried, dead_message
from ingest.outward.teller import Teller
from ingest.report import NotifyReport
from ingest.sink import Message
from ingest.source import Place, Record
from revocation.seal import Seal
from revocation.ssf.store import Item, Store

log = logging.getLogger(__name__)

DEAD_AT_A_TIME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyTopics:
    """What is read, and where dead letters go."""

    alerts: str = "refresh.alerts"
    revocations: str = "refresh.revocations"
    dead_letters: str = "refresh.dead-letters"


@dataclass(slots=True)
class _Turn(Clocked):
    """One turn: what was read, and what was counted."""

    polled: Mapping[TopicPartition, list[Record]] = field(default_factory=dict)
    dead: list[Item] = field(default_factory=list)
    news: Counter[str] = field(default_factory=Counter)
    unheard: Counter[str] = field(default_factory=Counter)
    letters: Counter[str] = field(default_factory=Counter)
    newest: int | None = None


class Notify(Loop[_Turn, NotifyReport]):
    """Reads what the house decided, fills the queues of others; each turn settles what it read."""

    STEPS = ("poll", "tell", "settle")

    def __init__(
        self,
        *,
        exchange: Exchange,
        hearing: Hearing,
        teller: Teller,
        store: Store,
        seal: Seal,
        clock: Callable[[], int],
        topics: NotifyTopics | None = None,
        poll_ms: int = 100,
        on_step: Callable[[int], None] = lambda _step: None,
        on_report: Callable[[NotifyReport], None] = lambda _report: None,
    ) -> None:
        """Wire it.

        Args:
            exchange: the group member that reads both topics, and the producer beside it.
            hearing: turns records into news.
            teller: fills the queues.
            store: where the queues are.
            seal: closes dead letters, as they name people.
            clock: epoch milliseconds.
            topics: what is read.
            poll_ms: how long a poll waits for a first record.
            on_step: as for every loop.
            on_report: as for every loop.
        """
        super().__init__(exchange, on_step, on_report)
        self._source = exchange.source
        self._hearing = hearing
        self._teller = teller
        self._store = store
        self._seal = seal
        self._clock = clock
        self._topics = topics or NotifyTopics()
        self._poll_ms = poll_ms

    def _begin(self) -> _Turn:
        return _Turn()

    def _turn(self, turn: _Turn) -> None:
        self._admit()
        turn.polled = self._exchange.poll(self._poll_ms)
        if turn.polled:
            self._done(turn, 1)
            alerts = self._topics.alerts
            for partition, records in sorted(turn.polled.items(), key=lambda part: part[0].topic != alerts):
                hear = self._hearing.alert if partition.topic == alerts else self._hearing.change
                for record in records:
                    self._exchange.insist(partial(self._tell, hear, record, turn))
            self._done(turn, 2)
        turn.dead = self._exchange.insist(lambda: self._store.first(DEAD_QUEUE, DEAD_AT_A_TIME))
        letters = [self._dead(item) for item in turn.dead]
        places = {partition: self._place(partition, records) for partition, records in turn.polled.items()}
        if places:
            self._exchange.settle(letters, places)
        elif letters:
            self._exchange.write(letters)
        if letters:
            self._exchange.insist(lambda: self._store.done(DEAD_QUEUE, [item.id for item in turn.dead], self._clock()))
        if places:
            self._done(turn, 3)

    def _tell(self, hear: Callable[[Record, int], Heard], record: Record, turn: _Turn) -> None:
        """Tell one record's news to all; doing it again, where the store failed in between, does no harm."""
        now = self._clock()
        try:
            heard = hear(record, now)
        except Unheard as reason:
            turn.unheard[reason.reason] += 1
            return
        letters = self._teller.tell(heard.news, now)
        self._hearing.told(heard, now)
        turn.letters += letters
        turn.news[heard.news.what] += 1
        turn.newest = max(turn.newest or 0, heard.news.at)

    def _dead(self, item: Item) -> Message:
        dead = buried(item)
        return dead_message(self._topics.dead_letters, dead, self._seal.close(dead.body, "dead letter"))

    def _admit(self) -> None:
        for partition in sorted(self._source.held):
            try:
                place = self._source.committed(partition)
                self._source.start(partition, self._source.beginning(partition) if place is None else place.offset)
            except KafkaError as error:
                log.warning("partitions wait", extra={"partition": partition, "error": type(error).__name__})
                return

    def _place(self, partition: TopicPartition, records: list[Record]) -> Place:
        written = records[-1].timestamp
        return Place(self._source.position(partition), written if written >= 0 else None)

    def _forget(self, turn: _Turn) -> None:
        self._source.hold(turn.polled)

    def _stall(self, reason: str) -> NotifyReport:
        return NotifyReport(stalls={reason: 1})

    def _report(self, turn: _Turn) -> NotifyReport:
        return NotifyReport(
            records=sum(len(records) for records in turn.polled.values()),
            news=turn.news,
            unheard=turn.unheard,
            letters=turn.letters,
            dead=len(turn.dead),
            partitions=len(self._source.assignment()),
            behind=self._source.behind(),
            lag_ms=None if turn.newest is None else self._clock() - turn.newest,
            lost=turn.lost,
            seconds=turn.seconds,
        )
