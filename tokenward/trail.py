"""The audit trail on Kafka, as API and command line write it; and notes, which are written aside."""

import logging
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Self

from kafka import KafkaProducer
from kafka.errors import KafkaError

from ingest.ledger import audit_messages
from ingest.sink import connected
from revocation.audit import Event, Trail
from revocation.chain import Sealed
from revocation.errors import RegistryUnavailable, TrailUnavailable
from revocation.heads import Writer

log = logging.getLogger(__name__)

MOST_NOTES = 1_000
"""Notes that wait to be written; further ones are dropped, and counted."""
NOTES_AT_ONCE = 100
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
"""Between attempts to write notes: twice as long after each failure."""
CLOSE_SECONDS = 2.0

AWAY = "The audit trail does not answer, so nothing was changed; try again."


class NoTrail:
    """What is written is forgotten: `audit.mode` is `off`."""

    written, failed = 0, 0

    def write(self, events: Sequence[Event]) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Nothing is open."""


class KafkaTrail:
    """Writes one process' chain. Safe to use from several threads, which take turns.

    Every record is acknowledged by all replicas in sync before `write` returns, and its head is told to Redis. After a
    failure nobody knows what the topic holds: the next write begins another chain, which says so.
    """

    def __init__(self, writer: Writer, topic: str, options: Mapping[str, Any], patience: float = 5.0) -> None:
        """Connect at the first write; `options` are kafka-python's own, `bootstrap_servers` at least, and win.

        `patience`: longest wait in a write, seconds, each for its turn, for the connection and for Kafka.
        """
        patience_ms = int(patience * 1000)
        self._options = {
            "acks": "all",
            "enable_idempotence": True,
            "linger_ms": 0,
            "max_block_ms": patience_ms,
            "bootstrap_timeout_ms": patience_ms,
            "request_timeout_ms": patience_ms,
            "delivery_timeout_ms": patience_ms + 1,
            "metrics_enabled": False,
            **options,
        }
        self._writer = writer
        self._topic = topic
        self._patience = patience
        self._producer: KafkaProducer | None = None
        self._turn = threading.Lock()
        #: How many records were written, and how many writes failed.
        self.written, self.failed = 0, 0

    def write(self, events: Sequence[Event]) -> None:
        """As the port says."""
        if not self._turn.acquire(timeout=self._patience):
            self.failed += 1
            raise TrailUnavailable(AWAY)
        try:
            sealed = self._writer.seal(events)
            self._send(sealed)
        except (RegistryUnavailable, KafkaError) as error:
            self.failed += 1
            log.warning("audit trail unavailable", extra={"error": type(error).__name__})
            raise TrailUnavailable(AWAY) from error
        finally:
            self._turn.release()

    def close(self) -> None:
        """Disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError):
                producer.close(timeout=CLOSE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send(self, sealed: Sequence[Sealed]) -> None:
        producer = self._producer = self._producer or connected(self._options)
        sent: list[Any] = []
        try:
            for message in audit_messages(self._topic, sealed):
                sent.append(producer.send(message.topic, message.value, key=message.key))  # noqa: PERF401 - counts
            for future in sent:
                future.get(timeout=self._patience)
        except KafkaError:
            if sent:
                self._writer.doubt(acted_on=False)
                self.close()  # what it still holds must not be sent by and by
            raise
        self._writer.confirm(sealed)
        self.written += len(sealed)


class Notes:
    """Events that nobody waits for, such as starts, reloads and refused attempts: written aside, as well as may be."""

    def __init__(self, trail: Trail) -> None:
        self._trail = trail
        self._waiting: deque[Event] = deque()
        #: Guards what waits; notified of each note, and of the end.
        self._news = threading.Condition()
        self._ends = False
        #: How many notes had no room.
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="audit-notes", daemon=True)
        self._thread.start()

    def note(self, event: Event) -> None:
        """Write it by and by; where too many wait, it is dropped."""
        with self._news:
            if len(self._waiting) >= MOST_NOTES:
                self.dropped += 1
                return
            self._waiting.append(event)
            self._news.notify()

    def close(self) -> None:
        """Write what waits, once and not for long."""
        with self._news:
            self._ends = True
            self._news.notify()
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        pause = PAUSE_SECONDS
        while some := self._next():
            try:
                self._trail.write(some)
            except TrailUnavailable:
                with self._news:
                    if self._ends:
                        return
                    self._news.wait_for(lambda: self._ends, pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                pause = PAUSE_SECONDS
                with self._news:
                    for _ in some:
                        self._waiting.popleft()

    def _next(self) -> list[Event]:
        """What is to be written; empty: no more."""
        with self._news:
            self._news.wait_for(lambda: self._waiting or self._ends)
            return [self._waiting[number] for number in range(min(NOTES_AT_ONCE, len(self._waiting)))]
