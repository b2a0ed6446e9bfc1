"""Turn: the records of one turn of the worker on their way through its steps, and the report of it."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from kafka import TopicPartition

from detector.batch import RefreshBatch
from detector.verdict import Level, Verdicts, slugs
from ingest.lane import Lane
from ingest.reader import Reading
from ingest.source import Record
from revocation.decide import Alert, Decision
from revocation.record import Change, Revocation


@dataclass(slots=True)
class Part:
    """Records of one partition that either all have effects (`live`) or are all read again, without."""

    partition: TopicPartition
    lane: Lane
    records: Sequence[Record]
    live: bool
    reading: Reading = field(default_factory=Reading)
    batch: RefreshBatch = field(default_factory=RefreshBatch.empty)
    verdicts: Verdicts = field(default_factory=Verdicts.empty)
    decision: Decision = field(default_factory=Decision)

    @property
    def alerts(self) -> list[Alert]:
        """Those that people are told; what is only watched stays in the counts."""
        return [alert for alert in self.decision.alerts if alert.is_told]


@dataclass(slots=True)
class Turn:
    """One turn: its parts in the order in which each partition is to be processed, and what was counted on the way."""

    timer: Callable[[], float]
    parts: list[Part] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    #: What the registry answered to the decisions.
    changes: list[Change] = field(default_factory=list)
    #: Families that were seen in another partition before.
    crossed: int = 0
    lost: bool = False
    _since: float = 0.0

    def __post_init__(self) -> None:
        self._since = self.timer()

    def lap(self, step: str) -> None:
        """The step ends here."""
        now = self.timer()
        self.seconds[step] = now - self._since
        self._since = now

    @property
    def live(self) -> Iterable[Part]:
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
