"""The second stage: tallies, keyed by origin, so that one partition sees an origin whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from detector.batch import RefreshBatch
from detector.config import DetectorConfig
from detector.engine import Judgement
from detector.origins import OriginEngine
from detector.tallies import OriginKind, Tallies
from detector.verdict import Verdicts
from ingest.advice import advice
from ingest.alerts import alert_message
from ingest.formats.event import RefreshEvent
from ingest.reader import Reading
from ingest.sink import Message
from ingest.stage import Cut, Part
from ingest.tally_messages import name_in, read_tallies
from revocation.alert import Alert, Decision
from revocation.condemn import OriginMemory, addresses_of, condemn, sessions_of
from revocation.names import Name
from revocation.policy import Rules
from revocation.record import Revocation, Scope

SEEN: Final = {
    "failure_count": "Tokens of sessions that had never been there were refused: they count {0:.0f} within minutes.",
    "spread_count": "Sessions that had never been there count {0:.0f} within minutes.",
}
"""What was measured at an origin, a sentence for each."""
PLACE: Final[dict[OriginKind, str]] = {
    OriginKind.NETWORK: "No gateway refuses a network: limit it at your edge if nobody knows it. Sessions that turn up "
    "there meanwhile have to sign in again.",
    OriginKind.KIN: "No gateway refuses a program: look whether its release misbehaves, or somebody imitates it from "
    "many addresses. Its sessions that turn up at another address meanwhile have to sign in again.",
}
"""What to do about an origin that cannot be refused itself."""
SESSION: Final = (
    "The session turned up at an address of its own, while others' tokens were tried from the same network or program: "
    "ask the person whether that address is theirs."
)


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
        about = addresses_of(row) if alert.subject.scope is Scope.ORIGIN else sessions_of(row)
        alert = msgspec.structs.replace(alert, row=0)
        return alert_message(topic, alert, _Evidence(reading, about), **_told(alert, row))

    def told(self, part: Part[Tallies], tallies: Tallies) -> dict[int, bytes]:
        """None: there is no stage behind this one."""
        del part, tallies
        return {}

    def named(self, part: Part[Tallies]) -> dict[bytes, Name]:
        """The names of the addresses that are refused, as far as their tallies carry any."""
        refused = {entry.id for entry in part.decision.revocations if entry.subject.scope is Scope.ORIGIN}
        found = [
            (entry, name_in(part.reading.origins[alert.row]))
            for alert in part.decision.alerts
            for entry in alert.entries
            if entry.id in refused
        ]
        return {entry.subject.digest: Name(name, entry.expires_at) for entry, name in found if name}


def _told(alert: Alert, row: Tallies) -> dict[str, Any]:
    """What only this stage says: the kind of the origin, what was seen there, and what to do about it."""
    kind = OriginKind(int(row.kind[0]))
    lead = PLACE.get(kind) if alert.subject.scope is Scope.ORIGIN else SESSION
    seen = [sentence.format(alert.measurements[name]) for name, sentence in SEEN.items() if name in alert.measurements]
    return {
        "origin": kind.slug,
        "evidence": seen,
        "advice": [*([lead] if lead else []), *advice(alert)],
        **({"asn": int(row.origin[0])} if kind is OriginKind.NETWORK else {}),
    }


@dataclass(frozen=True, slots=True)
class _Evidence:
    """One row as the alert's message wants it."""

    reading: Reading
    batch: RefreshBatch
