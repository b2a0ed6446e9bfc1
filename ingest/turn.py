"""Turn: the records of one turn of the worker on their way through its steps, and the report of it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic

from kafka import TopicPartition

from detector.verdict import Level, slugs
from ingest.lane import B
from ingest.loop import Clocked
from ingest.stage import Part
from revocation.record import Change, Revocation


@dataclass(slots=True)
class Turn(Clocked, Generic[B]):
    """One turn: its parts in the order in which each partition is to be processed, and what was counted on the way."""

    parts: list[Part[B]] = field(default_factory=list)
    #: What the registry answered to the decisions.
    changes: list[Change] = field(default_factory=list)
    #: Partitions whose places were sent to Kafka, and the rows of their tallies.
    named: set[TopicPartition] = field(default_factory=set)
    tallies: int = 0
    #: Records of the audit trail.
    audited: int = 0

    @property
    def live(self) -> Iterable[Part[B]]:
        """The parts that have effects."""
        return (part for part in self.parts if part.live)

    def revocations(self) -> list[Revocation]:
        """What the registry is to be told."""
        return [revocation for part in self.live for revocation in part.decision.revocations]

    def rejects(self) -> Counter[str]:
        """Dead letters by reason."""
        return Counter(reject.reason for part in self.live for _, reject in part.reading.rejects)

    def verdicts(self) -> tuple[Counter[str], Counter[str]]:
        """Verdicts by level and by reason."""
        levels: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        for part in self.live:
            levels.update(Level(level).slug for level in part.verdicts.level.tolist())
            for bits in part.verdicts.reasons.tolist():
                reasons.update(slugs(bits))
        return levels, reasons

    def newest(self) -> int | None:
        """When the newest event with effects happened, epoch ms."""
        return max((int(part.batch.at.max()) for part in self.live if len(part.batch)), default=None)
