"""The compacted topic `refresh.revocations`: told what is done by hand; an empty registry is rebuilt from it."""

from collections.abc import Iterator, Sequence

import msgspec
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from ingest.alerts import change_message
from revocation.feed import Entry, private
from revocation.record import Change, Revocation
from revocation.registry import Registry
from tokenward.faults import Failure
from tokenward.settings import Settings
from tokenward.wiring import consumer_options, producer_options

PATIENCE_MS = 10_000
POLL_MS = 500
SILENT_POLLS = 40
"""Empty answers in a row, some 20 s, after which a topic that should have more is given up."""
CHUNK = 1000


class Rebuilt(msgspec.Struct):
    """What a rebuild has read: lines, those applied, those that had ended, and those that are no entries."""

    read: int = 0
    applied: int = 0
    ended: int = 0
    unreadable: int = 0


def tell(settings: Settings, changes: Sequence[Change]) -> None:
    """Write changes to the topic, so that a rebuilt registry and other regions know them.

    Raises:
        Failure: Kafka does not take them; the registry has them all the same.
    """
    address, topic = settings.kafka.bootstrap_servers, settings.topics.revocations
    try:
        options = {
            "max_block_ms": PATIENCE_MS,
            "delivery_timeout_ms": PATIENCE_MS,
            "request_timeout_ms": PATIENCE_MS - 1,
        }
        producer = KafkaProducer(linger_ms=0, **{**options, **producer_options(settings)})
        try:
            messages = [change_message(topic, change) for change in changes]
            for sent in [producer.send(topic, message.value, key=message.key) for message in messages]:
                sent.get(timeout=PATIENCE_MS / 1000)
        finally:
            producer.close(timeout=1)
    except KafkaError as error:
        raise Failure(
            f"The registry has it, but Kafka at {address} does not ({type(error).__name__}): repeat the command when "
            "Kafka is back, or a rebuild will not know it."
        ) from error


def rebuild(settings: Settings, registry: Registry, now: int) -> Rebuilt:
    """Apply every line of the topic to the registry; merging makes the order and repetition harmless.

    Raises:
        Failure: the topic cannot be read to its end.
    """
    rebuilt = Rebuilt()
    chunk: list[Revocation] = []
    for value in _lines(settings):
        rebuilt.read += 1
        entry = _entry(value)
        if entry is None:
            rebuilt.unreadable += 1
        elif entry.expires_at <= now:
            rebuilt.ended += 1
        else:
            chunk.append(entry)
            rebuilt.applied += 1
        if len(chunk) == CHUNK:
            registry.apply(chunk, now)
            chunk.clear()
    registry.apply(chunk, now)
    return rebuilt


def _entry(value: bytes) -> Revocation | None:
    try:
        return private(msgspec.json.decode(value, type=Entry))
    except ValueError:  # msgspec's, and that of an entry which contradicts itself
        return None


def _lines(settings: Settings) -> Iterator[bytes]:
    """Every value of the topic up to its present end; deletions are passed over."""
    address, topic = settings.kafka.bootstrap_servers, settings.topics.revocations
    options = {"isolation_level": "read_committed", **consumer_options(settings)}
    try:
        consumer = KafkaConsumer(group_id=None, enable_auto_commit=False, auto_offset_reset="earliest", **options)
        try:
            yield from _whole(consumer, topic)
        finally:
            consumer.close(autocommit=False)
    except KafkaError as error:
        raise Failure(f"The topic {topic} at {address} cannot be read: {type(error).__name__}.") from error


def _whole(consumer: KafkaConsumer, topic: str) -> Iterator[bytes]:
    numbers = consumer.partitions_for_topic(topic)
    if not numbers:
        raise Failure(f"There is no topic {topic}.")
    partitions = [TopicPartition(topic, number) for number in sorted(numbers)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    ends = consumer.end_offsets(partitions)
    silent = 0
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        polled = consumer.poll(timeout_ms=POLL_MS)
        silent = 0 if polled else silent + 1
        if silent > SILENT_POLLS:
            raise Failure(f"The topic {topic} has more records than the broker hands out; try again.")
        for records in polled.values():
            yield from (record.value for record in records if record.value is not None)
