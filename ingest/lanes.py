"""Lanes: the partitions that are ours, each prepared before its records flow."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Generic

from kafka import TopicPartition
from kafka.errors import KafkaError

from detector.config import DetectorConfig
from detector.tallies import Tallies
from ingest.lane import B, Judge, Lane
from ingest.source import Place, Source
from revocation.record import Revocation

log = logging.getLogger(__name__)


class Lanes(Generic[B]):
    """Prepares what was assigned, forgets what is gone.

    A judge who stayed in memory over a rebalance goes on only if the group's committed offset is still the one that
    this process committed: then nobody else owned the partition meanwhile. Else its state is read again.
    """

    def __init__(
        self, source: Source, appoint: Callable[[DetectorConfig], Judge[B]], config: DetectorConfig, horizon_ms: int
    ) -> None:
        """`appoint` gives a partition its judge; `horizon_ms` of record time are read again to rebuild its memory."""
        self._source = source
        self._appoint = appoint
        self._config = config
        self._horizon_ms = horizon_ms
        self._lanes: dict[TopicPartition, Lane[B]] = {}

    def __getitem__(self, partition: TopicPartition) -> Lane[B]:
        return self._lanes[partition]

    def __len__(self) -> int:
        return len(self._lanes)

    def configure(self, config: DetectorConfig) -> None:
        """All judge by that configuration from the next record on."""
        self._config = config
        for lane in self._lanes.values():
            lane.judge.configure(config)

    def released(self, entries: Sequence[Revocation]) -> None:
        """People let the subjects of these entries pass; all judges hear of it."""
        for lane in self._lanes.values():
            for entry in entries:
                lane.judge.released(entry)

    def admit(self) -> None:
        """Let the partitions flow that were assigned since the last call; one that Kafka says nothing of waits on."""
        if not self._source.held:
            return
        self.forget(self._lanes.keys() - self._source.assignment())
        for partition in sorted(self._source.held):
            try:
                self._source.start(partition, self._prepare(partition))
            except KafkaError as error:
                log.warning("partitions wait", extra={"partition": partition, "error": type(error).__name__})
                return

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """Drop their state, and hold those that are still ours: they are read again from what was committed."""
        for partition in partitions:
            self._lanes.pop(partition, None)
        self._source.hold(partitions)

    def waiting(self) -> dict[TopicPartition, Place]:
        """What may be committed: the place of each flowing lane that has gone on since its last commit."""
        flowing = self._lanes.keys() & (self._source.assignment() - self._source.held)
        places = {partition: self._lanes[partition].place for partition in flowing}
        return {partition: place for partition, place in places.items() if place is not None}

    def tallies(self, places: Collection[TopicPartition]) -> list[Tallies]:
        """What goes on together with these places."""
        return [rows for partition in sorted(places) for rows in self._lanes[partition].tallies]

    def names(self, places: Collection[TopicPartition]) -> dict[int, bytes]:
        """The names that go on with these tallies."""
        return {key: name for partition in sorted(places) for key, name in self._lanes[partition].names.items()}

    def committed(self, places: Mapping[TopicPartition, Place]) -> None:
        """Kafka has taken these places."""
        for partition, place in places.items():
            lane = self._lanes[partition]
            lane.committed = place.offset
            lane.tallies.clear()
            lane.names.clear()

    def _prepare(self, partition: TopicPartition) -> int:
        """Make the lane; returns the offset to read from."""
        place = self._source.committed(partition)
        kept = self._lanes.get(partition)
        if kept is not None and kept.committed == (None if place is None else place.offset):
            return kept.next_offset
        first = self._source.beginning(partition)
        if place is None:
            self._lanes[partition] = Lane(
                self._appoint(self._config), effects_from=0, next_offset=first, committed=None
            )
            return first
        since = None if place.time is None else self._source.since(partition, place.time - self._horizon_ms)
        start = max(first, min(place.offset, first if since is None else since))
        self._lanes[partition] = Lane(
            self._appoint(self._config), effects_from=place.offset, next_offset=start, committed=place.offset
        )
        if first > place.offset:
            log.error("records were deleted unread", extra={"partition": partition, "records": first - place.offset})
        log.info("partition prepared", extra={"partition": partition, "replay": max(place.offset - start, 0)})
        return start
