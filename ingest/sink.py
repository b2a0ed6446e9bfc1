"""Sink: messages out and consumed offsets, in one Kafka transaction."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from kafka import KafkaProducer, TopicPartition
from kafka.errors import FencedInstanceIdError, KafkaError
from kafka.net.compat import KafkaNetClient

from ingest.errors import TransactionFailed
from ingest.source import Place

log = logging.getLogger(__name__)

PROMPT: Mapping[str, Any] = {
    # A transaction is a turn's all; waiting for more would only add latency.
    "linger_ms": 0,
    "batch_size": 256 << 10,
    # Dead letters go on as they came: as large as the consumer may get them.
    "max_request_size": 4 << 20,
    "max_block_ms": 10_000,
    "bootstrap_timeout_ms": 5_000,
    "request_timeout_ms": 15_000,
    "delivery_timeout_ms": 30_000,
    # A killed process holds up read-committed readers for no longer than this, and for less when it comes back.
    "transaction_timeout_ms": 10_000,
    # How long the client waits when the last transaction is still being written down (ConcurrentTransactions).
    "retry_backoff_ms": 20,
    "metrics_enabled": False,
}
"""What differs from kafka-python's defaults; settings win over it."""

CLOSE_SECONDS = 2.0


def connected(
    options: Mapping[str, Any], begin: Callable[[KafkaProducer], Any] = lambda _producer: None
) -> KafkaProducer:
    """A producer that has connected and begun; raises KafkaError, and leaves nothing open then."""
    clients: list[KafkaNetClient] = []

    def connect(**given: Any) -> KafkaNetClient:
        clients.append(KafkaNetClient(**given))
        return clients[-1]

    producer = None
    try:
        producer = KafkaProducer(**options, kafka_client=connect)
        begin(producer)
    except KafkaError:
        if producer is not None:
            producer.close(timeout=CLOSE_SECONDS)
        for client in clients:
            client.close()  # kafka-python forgets it where the constructor fails
        raise
    return producer


class Message(NamedTuple):
    """One record to be written; `timestamp` is epoch ms, None: now."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int | None = None


class Sink:
    """A transactional producer with a stable name: opening it aborts what a dead namesake left unfinished."""

    def __init__(self, *, transactional_id: str, options: Mapping[str, Any]) -> None:
        """Connect at `open`; `options` are kafka-python's own, `bootstrap_servers` at least, and win over ours."""
        self._settings = {**PROMPT, "transactional_id": transactional_id, **options}
        self._producer: KafkaProducer | None = None

    @property
    def is_open(self) -> bool:
        """Whether the name is ours, as far as this process knows."""
        return self._producer is not None

    def open(self) -> None:
        """Take over the name: unfinished transactions of a namesake are decided when this returns.

        Raises:
            TransactionFailed: no broker answered in time.
        """
        if self._producer is not None:
            return
        try:
            self._producer = connected(self._settings, KafkaProducer.init_transactions)
        except KafkaError as error:
            raise TransactionFailed(f"The producer could not be opened: {type(error).__name__}.") from error

    def commit(self, messages: Iterable[Message], places: Mapping[TopicPartition, Place], group: Any) -> None:
        """Write all messages and commit the places of the consumer group, both or neither.

        Raises:
            TransactionFailed: it was aborted, or nobody knows: look at the group's committed offsets.
            FencedInstanceIdError: another process bears the same instance name; this one must end.
        """
        self.open()
        try:
            self.fill(messages, places, group)
            self._producer.commit_transaction()  # type: ignore[union-attr]  # open() made it
        except KafkaError as error:
            log.warning("transaction failed", extra={"error": type(error).__name__})
            self._abandon()
            if isinstance(error, FencedInstanceIdError):
                raise
            raise TransactionFailed(f"Kafka did not take the transaction: {type(error).__name__}.") from error

    def fill(self, messages: Iterable[Message], places: Mapping[TopicPartition, Place], group: Any) -> None:
        """Begin the transaction and hand everything over, so that only the commit is missing."""
        producer: Any = self._producer
        producer.begin_transaction()
        for message in messages:
            producer.send(
                message.topic,
                key=message.key,
                value=message.value,
                headers=list(message.headers),
                timestamp_ms=message.timestamp,
            )
        offsets = {partition: place.encode() for partition, place in places.items()}
        producer.send_offsets_to_transaction(offsets, group)

    def close(self) -> None:
        """End the connections; an unfinished transaction is aborted by the broker."""
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                producer.close(timeout=CLOSE_SECONDS)
            except KafkaError as error:
                log.warning("the producer was not closed", extra={"error": type(error).__name__})

    def _abandon(self) -> None:
        try:
            self._producer.abort_transaction()  # type: ignore[union-attr]  # called with a producer only
        except KafkaError:
            self.close()  # beyond repair: the next `open` takes the name over and finishes what was begun
