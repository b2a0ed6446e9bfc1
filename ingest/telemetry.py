"""The first stage: telemetry, keyed by subject; each partition is judged by an engine of its own."""

import numpy as np

from detector.batch import RefreshBatch
from detector.config import DetectorConfig
from detector.engine import Engine, Judgement
from detector.model import Model
from detector.tallies import OriginKind, Tallies
from detector.verdict import Verdicts
from ingest.alerts import alert_message
from ingest.columns import Columns
from ingest.crossings import Crossings
from ingest.outward.naming import HEADER, nameless
from ingest.outward.naming import Name as Sealed
from ingest.reader import Reader
from ingest.sink import Message
from ingest.stage import Cut, Part
from revocation.alert import Alert, Decision
from revocation.claims import address_of
from revocation.decide import decide
from revocation.names import Name, Sealer
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

    def __init__(
        self,
        reader: Reader,
        columns: Columns,
        model: Model | None = None,
        sealer: Sealer | None = None,
        sealed: Sealed = nameless,
    ) -> None:
        """`reader` decodes the topics that are read; `columns` has the house's digest key and the GeoIP files.

        `model` says what is unusual; without one nothing is. `sealer` seals the addresses that are told of; without
        one they are told of by their digests alone. `sealed` seals whom an event is about, where it came with its names
        in the clear and no `route` has done so.
        """
        self._reader = reader
        self._columns = columns
        self._model = model
        self._sealer = sealer
        self._sealed = sealed
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
        sealed = next((value for name, value in record.headers if name == HEADER), None) or self._sealed(event)
        if sealed is None or alert.kind != "decision":
            return message
        return message._replace(headers=(*message.headers, (HEADER, sealed)))

    def told(self, part: Part[RefreshBatch], tallies: Tallies) -> dict[int, bytes]:
        """Seals of the addresses that these tallies are about."""
        if self._sealer is None:
            return {}
        addresses = tallies.origin[tallies.kind == OriginKind.ADDRESS]
        origins = part.batch.origin
        texts = {int(origins[row]): part.reading.events[row].ip for row in np.flatnonzero(np.isin(origins, addresses))}
        shortest = {key: address_of(text) for key, text in texts.items() if text is not None}
        return {key: self._sealer.seal(address) for key, address in shortest.items() if address is not None}

    def named(self, part: Part[RefreshBatch]) -> dict[bytes, Name]:
        """None: this stage refuses sessions, no addresses."""
        del part
        return {}
