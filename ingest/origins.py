"""The second stage: tallies, keyed by origin, so that one partition sees an origin whole."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from detector.batch import RefreshBatch
from detector.config import DetectorConfig
from detector.engine import Judgement
from detector.origins import OriginEngine
from detector.tallies import OriginKind, Tallies
from detector.verdict import Verdicts
from ingest.alerts import alert_message
from ingest.formats.event import RefreshEvent
from ingest.reader import Reading
from ingest.sink import Message
from ingest.stage import Cut, Part
from ingest.tally_messages import read_tallies
from revocation.alert import Alert, Decision
from revocation.condemn import OriginMemory, condemn, sessions_of
from revocation.policy import Rules
from revocation.record import Revocation


class OriginJudge:
    """Engine and memory of one partition of tallies."""

    def __init__(self, config: DetectorConfig) -> None:
        self._engine = OriginEngine(config)
        self._memory = OriginMemory()

    def configure(self, config: DetectorConfig) -> None:
        """Judge by that configuration from the next row on."""
        self._engine.configure(config)

    def process(self, batch: Tallies, now: int) -> Judgement:
        """Judge the rows and learn from them; there is no stage behind this one."""
        return Judgement(self._engine.process(batch, now), Tallies.empty())

    def decide(self, verdicts: Verdicts, batch: Tallies, rules: Rules, now: int) -> Decision:
        """Hold the verdicts against the rules."""
        return condemn(verdicts, batch, rules, now, self._memory)

    def released(self, entry: Revocation) -> None:
        """A person let the entry's subject pass."""
        self._memory.decisions.released(entry.subject, entry.reasons, entry.released_at)


class Origins:
    """Reads what the workers tell of origins."""

    def __init__(self, issuers: Mapping[int, str]) -> None:
        """`issuers`: the names of the configured issuers by the keys that tallies carry, for people."""
        self._issuers = issuers

    def judge(self, config: DetectorConfig) -> OriginJudge:
        """The judge of a partition of which nothing is known yet."""
        return OriginJudge(config)

    def read(self, cut: Cut[Tallies]) -> Part[Tallies]:
        """Decode."""
        reading, tallies = read_tallies(cut.records)
        return Part(cut.partition, cut.lane, cut.records, cut.live, reading, tallies)

    def alert(self, topic: str, alert: Alert, part: Part[Tallies]) -> Message:
        """The message about an alert of that part."""
        row = part.batch.take(slice(alert.row, alert.row + 1))
        event = RefreshEvent(at=alert.at, iss=self._issuers.get(int(row.issuer[0]), ""), outcome="success")
        reading = Reading([event], [part.reading.origins[alert.row]])
        kind = OriginKind(int(row.kind[0]))
        about = {"origin": kind.slug} | ({"asn": int(row.origin[0])} if kind is OriginKind.NETWORK else {})
        return alert_message(
            topic, msgspec.structs.replace(alert, row=0), _Evidence(reading, sessions_of(row)), **about
        )


@dataclass(frozen=True, slots=True)
class _Evidence:
    """One row as the alert's message wants it."""

    reading: Reading
    batch: RefreshBatch
