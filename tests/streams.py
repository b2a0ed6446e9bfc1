"""What the tests of the stream share: topics of their own, producing, reading what was committed."""

import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from ingest.source import Record

PATIENCE = 30.0


def fresh(name: str) -> str:
    """A name that no other test has."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


def produce(bootstrap: str, topic: str, values: Iterable[bytes | None], **options: Any) -> None:
    """Write values, and wait until the broker has them; `options` as of `KafkaProducer.send`."""
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    try:
        sent = [producer.send(topic, value, **options) for value in values]
        for future in sent:
            future.get(timeout=PATIENCE)
    finally:
        producer.close()


def committed_records(bootstrap: str, topic: str) -> list[Record]:
    """Every record of the topic that a read-committed reader sees; waits for pending transactions to be decided."""
    consumer = KafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False, fetch_max_wait_ms=100
    )
    try:
        partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)]
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        ends = _written_ends(bootstrap, partitions)
        found: list[Record] = []
        deadline = time.monotonic() + PATIENCE
        while any(consumer.position(partition) < end for partition, end in ends.items()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic}: not read to its end")
            found += [record for records in consumer.poll(timeout_ms=100).values() for record in records]
        return sorted(found, key=lambda record: (record.partition, record.offset))
    finally:
        consumer.close()


def committed_offsets(bootstrap: str, group: str, topic: str) -> dict[int, int]:
    """The group's committed offset of each partition that has one."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=group, isolation_level="read_committed")
    try:
        partitions = sorted(consumer.partitions_for_topic(topic))
        found = {number: consumer.committed(TopicPartition(topic, number)) for number in partitions}
        return {number: offset for number, offset in found.items() if offset is not None}
    finally:
        consumer.close()


def end_offsets(bootstrap: str, topic: str) -> dict[int, int]:
    """Where each partition ends, transaction markers included."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap)
    try:
        partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic))]
        return {partition.partition: end for partition, end in consumer.end_offsets(partitions).items()}
    finally:
        consumer.close()


def step_until(step: Callable[[], Any], condition: Callable[[], bool], what: str) -> None:
    """Call `step` until `condition` holds.

    Raises:
        TimeoutError: it did not hold in time.
    """
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        step()


def _written_ends(bootstrap: str, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    reader = KafkaConsumer(bootstrap_servers=bootstrap)
    try:
        ends: dict[TopicPartition, int] = reader.end_offsets(list(partitions))
        return ends
    finally:
        reader.close()
