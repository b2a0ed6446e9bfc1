"""Source: records in, by Kafka's consumer; no record of a partition flows before somebody said where to start."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from kafka.structs import MemberState, OffsetAndMetadata

LATENCY_AND_LOAD: Mapping[str, Any] = {
    # The broker answers a fetch as soon as there is one record; how much it may hold is what makes batches big.
    "fetch_min_bytes": 1,
    "fetch_max_wait_ms": 500,
    "max_partition_fetch_bytes": 4 << 20,
    "fetch_max_bytes": 32 << 20,
    # A killed process is replaced within seconds; the broker's own lower bound is 6 s.
    "session_timeout_ms": 10_000,
    "heartbeat_interval_ms": 2_000,
    # How soon a topic that was not there yet, or new partitions of one, are noticed.
    "metadata_max_age_ms": 5_000,
    "metrics_enabled": False,
    "request_timeout_ms": 15_000,
}
"""What differs from kafka-python's defaults; settings win over it."""

JOIN_MS = 3_000
"""How long a rebalance is waited for at a stretch; a program that shall end waits no longer."""
ADMIN_MS = 5_000
"""How long one question to a broker may take before the turn is tried again."""


class Record(Protocol):
    """What is used of kafka-python's ConsumerRecord; `timestamp` is epoch ms, negative where a record has none."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class Place(NamedTuple):
    """A committed place in a partition: the next offset to read, and the newest record's time before it, epoch ms."""

    offset: int
    time: int | None

    def encode(self) -> OffsetAndMetadata:
        """As Kafka keeps it: the time stands in the offset's metadata, so that a restart knows how far to look back."""
        return OffsetAndMetadata(self.offset, "" if self.time is None else str(self.time), -1)

    @classmethod
    def decode(cls, committed: OffsetAndMetadata) -> "Place":
        """Read what `encode` wrote; an offset that somebody else committed has no time."""
        time = committed.metadata or ""
        return cls(committed.offset, int(time) if time.isascii() and time.isdecimal() else None)


class Source:
    """A member of a consumer group, with a stable name, so that a restart gets its partitions back at once.

    Each assigned partition is held until `start` says where to read on; those are in `held`. `rebalances` counts
    assignments: when it moved, nothing may be taken for granted about who owns what. Not for several threads.
    """

    def __init__(
        self,
        topics: Iterable[str],
        *,
        group_id: str,
        instance: str,
        batch_size: int = 16_384,
        options: Mapping[str, Any],
    ) -> None:
        """Join the group; `options` are kafka-python's own, `bootstrap_servers` at least, and win over ours."""
        self.held: set[TopicPartition] = set()
        self.rebalances = 0
        settings = {
            "group_id": group_id,
            "group_instance_id": instance,
            "max_poll_records": batch_size,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "isolation_level": "read_committed",
            "partition_assignment_strategy": [StickyPartitionAssignor],
        }
        self._consumer = KafkaConsumer(**{**LATENCY_AND_LOAD, **settings, **options})
        self._consumer.subscribe(topics=list(topics), listener=_Listener(self))

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Record]]:
        """The next records of the started partitions, as soon as there are any; `{}` after `timeout_ms` of none."""
        self._join()
        records: dict[TopicPartition, list[Record]] = self._consumer.poll(timeout_ms=timeout_ms)
        return records

    def idle(self, timeout_ms: int) -> None:
        """Wait without reading, and stay a member of the group: heartbeats and rebalances go on."""
        self._join()
        self._consumer.pause(*self._consumer.assignment())
        self._consumer.poll(timeout_ms=timeout_ms)
        self._consumer.resume(*(self._consumer.assignment() - self.held))

    def assignment(self) -> set[TopicPartition]:
        """The partitions that are ours, held or not."""
        return set(self._consumer.assignment())

    def hold(self, partitions: Collection[TopicPartition]) -> None:
        """Stop the flow of those of `partitions` that are ours, until `start`."""
        ours = self.assignment().intersection(partitions)
        self._consumer.pause(*ours)
        self.held |= ours

    def start(self, partition: TopicPartition, offset: int) -> None:
        """Read that partition from `offset` on."""
        self._consumer.seek(partition, offset)
        self._consumer.resume(partition)
        self.held.discard(partition)

    def committed(self, partition: TopicPartition) -> Place | None:
        """What the group has committed, once pending transactions are decided; None: nothing yet."""
        committed = self._consumer.committed(partition, metadata=True, timeout_ms=ADMIN_MS)
        return None if committed is None or committed.offset < 0 else Place.decode(committed)

    def beginning(self, partition: TopicPartition) -> int:
        """The first offset that the broker still has."""
        return int(self._consumer.beginning_offsets([partition], timeout_ms=ADMIN_MS)[partition])

    def since(self, partition: TopicPartition, time: int) -> int | None:
        """The first offset whose record is not older than `time`, epoch ms; None where all are."""
        found = self._consumer.offsets_for_times({partition: max(time, 0)}, timeout_ms=ADMIN_MS).get(partition)
        return None if found is None else int(found.offset)

    def position(self, partition: TopicPartition) -> int:
        """The offset after the last record that was polled, and after the transaction markers behind it."""
        return int(self._consumer.position(partition, timeout_ms=ADMIN_MS))

    def behind(self) -> int:
        """How many offsets have not been polled yet, by the broker's newest answers; 0 while partitions are held."""
        if self.held:
            return 0  # one without a position would have to be asked for, and Kafka may be away
        ends = {partition: self._consumer.highwater(partition) for partition in self.assignment()}
        return sum(max(end - self.position(partition), 0) for partition, end in ends.items() if end is not None)

    def group(self) -> Any:
        """The membership that a transaction is fenced by."""
        return self._consumer.group_metadata()

    def _join(self) -> None:
        """See a rebalance through before anything else, for kafka-python 3.0 loses one that ends between two polls.

        It joins in the background and hands the assignment over within `poll`; when the wait for it timed out, it sends
        another request, or, where the rebalance was about a topic's partitions, forgets that it has to ask at all.
        """
        coordinator = self._consumer._coordinator  # noqa: SLF001 - the consumer shows no other way to wait for a join
        if coordinator.state == MemberState.REBALANCING and not coordinator.need_rejoin():
            coordinator.request_rejoin()
        if coordinator.need_rejoin():
            coordinator.poll(timeout_ms=JOIN_MS)

    def close(self) -> None:
        """End the connections; the partitions stay ours for a session timeout, so that a restart finds them."""
        self._consumer.close(autocommit=False, timeout_ms=2_000)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python has no types
    """Holds what was assigned. Runs inside `poll`, on the client's own thread, and therefore only takes notes."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self._source.held -= set(revoked)

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._source.rebalances += 1
        self._source.hold(assigned)
