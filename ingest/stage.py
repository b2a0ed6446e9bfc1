"""Stage: what differs between the stages of detection, whose loop is one (`ingest.worker`)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol

from kafka import TopicPartition

from detector.config import DetectorConfig
from detector.tallies import Tallies
from detector.verdict import Verdicts
from ingest.lane import B, Judge, Lane
from ingest.reader import Reading
from ingest.sink import Message
from ingest.source import Record
from revocation.alert import Alert, Decision
from revocation.names import Name


@dataclass(slots=True)
class Cut(Generic[B]):
    """Records of one partition that either all have effects (`live`) or are all read again, without."""

    partition: TopicPartition
    lane: Lane[B]
    records: Sequence[Record]
    live: bool


@dataclass(slots=True)
class Part(Cut[B]):
    """The same decoded, and what came of it."""

    reading: Reading
    batch: B
    verdicts: Verdicts = field(default_factory=Verdicts.empty)
    decision: Decision = field(default_factory=Decision)
    #: Families that were seen in another partition before.
    crossed: int = 0

    @property
    def alerts(self) -> list[Alert]:
        """Those that people are told; what is only watched stays in the counts."""
        return [alert for alert in self.decision.alerts if alert.is_told]


class Stage(Protocol[B]):
    """How records become columns, who judges them, and how people are told."""

    def judge(self, config: DetectorConfig) -> Judge[B]:
        """The judge of a partition of which nothing is known yet."""
        ...

    def read(self, cut: Cut[B]) -> Part[B]:
        """Decode; what cannot be used is in the reading's rejects."""
        ...

    def alert(self, topic: str, alert: Alert, part: Part[B]) -> Message:
        """The message about an alert of that part."""
        ...

    def told(self, part: Part[B], tallies: Tallies) -> dict[int, bytes]:
        """The sealed names of addresses that these tallies of that part are about, by the address's key."""
        ...

    def named(self, part: Part[B]) -> dict[bytes, Name]:
        """The names of addresses that the part's decision refuses, by digest."""
        ...
