"""Whole topics from a shell: read to their present end, or written to and waited for."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from ingest.sink import Message
from revocation.verification import Line
from tokenward.faults import Failure
from tokenward.settings import Settings
from tokenward.wiring import consumer_options, producer_options

PATIENCE_MS = 10_000
POLL_MS = 500
SILENT_POLLS = 40
"""Empty answers in a row, some 20 s, after which a topic that should have more is given up."""


def write(settings: Settings, messages: Iterable[Message]) -> None:
    """Write all messages, and wait until Kafka has them.

    Raises:
        KafkaError: it does not take them.
    """
    options = {"max_block_ms": PATIENCE_MS, "delivery_timeout_ms": PATIENCE_MS, "request_timeout_ms": PATIENCE_MS - 1}
    producer = KafkaProducer(linger_ms=0, **{**options, **producer_options(settings)})
    try:
        for sent in [producer.send(m.topic, m.value, key=m.key, headers=list(m.headers)) for m in messages]:
            sent.get(timeout=PATIENCE_MS / 1000)
    finally:
        producer.close(timeout=1)


def values(settings: Settings, topic: str) -> Iterator[bytes]:
    """Every value of the topic up to its present end, partition by partition in order; deletions are passed over.

    Raises:
        Failure: the topic does not exist, or cannot be read to its end.
    """
    return (line.value for line in lines(settings, topic) if line.value)


def lines(settings: Settings, topic: str, number: int | None = None) -> Iterator[Line]:
    """The same with their places, deletions as empty values; of one partition only, where its number is given.

    Raises:
        Failure: as for `values`.
    """
    with _consumer(settings, topic) as consumer:
        numbers = _numbers(consumer, topic) if number is None else [number]
        yield from _whole(consumer, [TopicPartition(topic, one) for one in numbers])


def partitions(settings: Settings, topic: str) -> list[int]:
    """The numbers of the topic's partitions.

    Raises:
        Failure: the topic does not exist, or Kafka does not answer.
    """
    with _consumer(settings, topic) as consumer:
        return _numbers(consumer, topic)


@contextmanager
def _consumer(settings: Settings, topic: str) -> Iterator[KafkaConsumer]:
    address = settings.kafka.bootstrap_servers
    options = {"isolation_level": "read_committed", **consumer_options(settings)}
    try:
        consumer = KafkaConsumer(group_id=None, enable_auto_commit=False, auto_offset_reset="earliest", **options)
        try:
            yield consumer
        finally:
            consumer.close(autocommit=False)
    except KafkaError as error:
        raise Failure(f"The topic {topic} at {address} cannot be read: {type(error).__name__}.") from error


def _numbers(consumer: KafkaConsumer, topic: str) -> list[int]:
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise Failure(f"There is no topic {topic}.")
    return sorted(numbers)


def _whole(consumer: KafkaConsumer, partitions: list[TopicPartition]) -> Iterator[Line]:
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    starts, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    silent = 0
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        polled = consumer.poll(timeout_ms=POLL_MS)
        silent = 0 if polled else silent + 1
        if silent > SILENT_POLLS:
            raise Failure(f"The topic {partitions[0].topic} has more records than the broker hands out; try again.")
        for partition, records in polled.items():
            for record in records:
                if record.offset < ends[partition]:
                    yield Line(record.value or b"", record.partition, record.offset, starts[partition] > 0)
