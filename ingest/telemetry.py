"""The first stage: telemetry, keyed by subject; each partition is judged by an engine of its own."""

from detector.batch import RefreshBatch
from detector.config import DetectorConfig
from detector.engine import Engine, Judgement
from detector.model import Model
from detector.verdict import Verdicts
from ingest.alerts import alert_message
from ingest.columns import Columns
from ingest.crossings import Crossings
from ingest.outward.naming import HEADER, Name, nameless
from ingest.reader import Reader
from ingest.sink import Message
from ingest.stage import Cut, Part
from revocation.alert import Alert, Decision
from revocation.decide import decide
from revocation.policy import Rules
from revocation.recollection import Memory
from revocation.record import Revocation


class SessionJudge:
    """Engine and memory of one partition of telemetry."""

    def __init__(self, config: DetectorConfig, model: Model | None = None) -> None:
        self._engine = Engine(config, model)
        self._memory = Memory()

    def configure(self, config: DetectorConfig) -> None:
        """Judge by that configuration from the next event on."""
        self._engine.configure(config)

    def process(self, batch: RefreshBatch, now: int) -> Judgement:
        """Judge the batch and learn from it."""
        return self._engine.judge(batch, now)

    def decide(self, verdicts: Verdicts, batch: RefreshBatch, rules: Rules, now: int) -> Decision:
        """Hold the verdicts against the rules."""
        return decide(verdicts, batch, rules, now, self._memory)

    def released(self, entry: Revocation) -> None:
        """A person let the entry's subject pass."""
        self._memory.released(entry.subject, entry.reasons, entry.released_at)


class Telemetry:
    """Decodes by topic, enriches, and notices families that stand in two partitions."""

    def __init__(self, reader: Reader, columns: Columns, model: Model | None = None, name: Name = nameless) -> None:
        """`reader` decodes the topics that are read; `columns` has the house's digest key and the GeoIP files.

        `model` says what is unusual; without one nothing is. `name` seals whom an event is about, where it came with
        its names in the clear and no `route` has done so.
        """
        self._reader = reader
        self._columns = columns
        self._model = model
        self._name = name
        self._crossings = Crossings()

    def judge(self, config: DetectorConfig) -> SessionJudge:
        """The judge of a partition of which nothing is known yet."""
        return SessionJudge(config, self._model)

    def read(self, cut: Cut[RefreshBatch]) -> Part[RefreshBatch]:
        """Decode, and enrich."""
        reading = self._reader.read(cut.partition.topic, cut.records)
        partitions = [cut.partition.partition] * len(reading.events)
        batch = self._columns.batch(reading.events, partitions, [record.offset for record in reading.origins])
        crossed = self._crossings.count(batch.family, cut.partition)
        return Part(cut.partition, cut.lane, cut.records, cut.live, reading, batch, crossed=crossed)

    def alert(self, topic: str, alert: Alert, part: Part[RefreshBatch]) -> Message:
        """The message about an alert of that part."""
        message = alert_message(topic, alert, part)
        event, record = part.reading.events[alert.row], part.reading.origins[alert.row]
        sealed = next((value for name, value in record.headers if name == HEADER), None) or self._name(event)
        if sealed is None or alert.kind != "decision":
            return message
        return message._replace(headers=(*message.headers, (HEADER, sealed)))
