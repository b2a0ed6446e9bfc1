"""Replay: decode, enrich, judge and decide over files, exactly as both stages do; no Kafka, no Redis, no clock.

Stream time is the largest `at` so far. How the lines are cut into batches does not matter: neither to the engine (its
first law) nor to the decisions, which are told once each. What is told of origins names no event and no person: it is
about all that came from there.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from operator import itemgetter
from typing import Any

import msgspec
import numpy as np

from detector.batch import RefreshBatch
from detector.model import Model
from detector.tallies import OriginKind, Tallies
from detector.verdict import Level
from ingest.columns import Columns
from ingest.formats import Format, RefreshEvent, Reject
from ingest.instant import rfc3339
from ingest.origins import OriginJudge
from ingest.telemetry import SessionJudge
from revocation.alert import Alert
from revocation.issuers import Issuers
from revocation.policy import Rules
from revocation.record import Scope
from tokenward.lines import Line

BATCH = 16_384
"""Lines of one batch; more are no faster."""
MOST_NAMED = 1000
"""Rejected lines that are remembered by number, to be shown with --verbose."""
WORDS = {Level.WATCH: "watched", Level.QUARANTINE: "quarantined", Level.REVOKE: "revoked"}
"""What the summary calls the decisions of each level."""


@dataclass(slots=True)
class Tally:
    """What a replay has seen so far."""

    events: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    decided: Counter[Level] = field(default_factory=Counter)
    #: Incidents and pages by kind.
    told: Counter[str] = field(default_factory=Counter)
    #: The first rejected lines: file, number, reason. Never their content.
    refused: list[tuple[str, int, str]] = field(default_factory=list)

    def count(self, alert: Alert) -> None:
        """One more alert."""
        if alert.kind == "decision":
            self.decided[alert.level] += 1
        else:
            self.told[alert.kind] += 1

    def summary(self, seconds: float) -> dict[str, Any]:
        """The last line of the output; `seconds` is how long it took."""
        return {
            "type": "summary",
            "events": self.events,
            "rejected": dict(sorted(self.rejected.items())),
            **{word: self.decided[level] for level, word in WORDS.items()},
            **{f"{kind}s": count for kind, count in sorted(self.told.items())},
            "seconds": round(seconds, 3),
            "events_per_second": round(self.events / seconds) if seconds > 0 else 0,
        }


class Replay:
    """One replay. `batch_size` is for tests: it changes nothing but the speed."""

    def __init__(
        self,
        decode: Format,
        issuers: Issuers,
        columns: Columns,
        rules: Rules,
        *,
        model: Model | None = None,
        batch_size: int = BATCH,
    ) -> None:
        self.tally = Tally()
        self._decode = decode
        self._issuers = issuers
        self._columns = columns
        self._rules = rules
        self._batch_size = batch_size
        self._sessions = SessionJudge(rules.detector, model)
        self._origins = OriginJudge(rules.detector)
        #: Stream time: the largest `at` so far.
        self.now = 0

    def decisions(self, lines: Iterable[Line]) -> Iterator[dict[str, Any]]:
        """Each decision, incident and page as an object of the documented output, in the order of the stream."""
        for part in batched(lines, self._batch_size):
            for told in self.step(part):
                yield shown(*told)

    def step(self, lines: Sequence[Line]) -> Iterator[tuple[Alert, RefreshEvent, Tallies | None]]:
        """The alerts of the next lines, each with its event, and those about origins with what was told of them."""
        events = self._events(lines)
        batch = self._columns.batch(events)
        self.now = max(self.now, int(batch.at.max(initial=0)))
        for _, alert, tallies in sorted(self._judged(batch), key=itemgetter(0)):
            self.tally.count(alert)
            yield alert, events[alert.row], tallies

    def _judged(self, batch: RefreshBatch) -> Iterator[tuple[int, Alert, Tallies | None]]:
        """The alerts of both stages with the row of their event, and those of origins with what was told of them."""
        judged = self._sessions.process(batch, self.now)
        for alert in self._sessions.decide(judged.verdicts, batch, self._rules, self.now).alerts:
            yield alert.row, alert, None
        tallies = judged.tallies
        verdicts = self._origins.process(tallies, self.now).verdicts
        for alert in self._origins.decide(verdicts, tallies, self._rules, self.now).alerts:
            told = tallies.take(slice(alert.row, alert.row + 1))
            event = _event_of(told, batch)
            yield event, msgspec.structs.replace(alert, row=event), told

    def _events(self, lines: Sequence[Line]) -> list[RefreshEvent]:
        events: list[RefreshEvent] = []
        for line in lines:
            try:
                events += self._decode(line.value, self._issuers)
            except Reject as reject:
                self.tally.rejected[reject.reason] += 1
                if len(self.tally.refused) < MOST_NAMED:
                    self.tally.refused.append((line.file, line.number, reject.reason))
        self.tally.events += len(events)
        return events


def _event_of(told: Tallies, batch: RefreshBatch) -> int:
    """The row of the event that a tally is of; several that it may be of are alike in all that is shown."""
    alike = batch.at == told.at[0]
    for name, column in (("origin", "address"), ("family", "family"), ("subject", "subject"), ("client", "client")):
        alike &= getattr(batch, name) == getattr(told, column)[0]
    return int(np.flatnonzero(alike)[0])


def shown(alert: Alert, event: RefreshEvent, told: Tallies | None = None) -> dict[str, Any]:
    """An alert with the names that stand in its event; members that do not apply are absent.

    `told`: the row of the tally, where the alert is of the stage of origins.
    """
    origin = OriginKind(int(told.kind[0])) if told is not None else None
    about_place = origin is not None and alert.subject.scope is Scope.ORIGIN
    about_one = alert.kind == "decision" and not about_place
    members = {
        "type": alert.kind,
        "at": rfc3339(alert.at),
        "level": alert.level.slug,
        "scope": alert.subject.scope.value,
        "iss": event.iss,
        "sub": event.sub if about_one else None,
        "sid": event.sid if about_one else None,
        "client_id": event.client_id if not about_place or origin is OriginKind.KIN else None,
        "ip": event.ip if about_one or (about_place and origin is OriginKind.ADDRESS) else None,
        "reasons": list(alert.reasons),
        "score": alert.score,
        "measurements": {name: round(value, 3) for name, value in alert.measurements.items() if value},
        "events": [event.id] if event.id and told is None else [],
        "id": alert.id,
        "cause": alert.cause,
        "grades": alert.grades,
        "weights": alert.weights,
        "thresholds": alert.thresholds,
        "odds": alert.odds,
        "config": alert.config,
        "excused": list(alert.excused),
        "origin": origin.slug if origin else None,
        "asn": int(told.origin[0]) if told is not None and origin is OriginKind.NETWORK else None,
        "segment": alert.segment.slug if alert.segment else None,
        "enforcement": alert.enforcement,
    }
    return {name: value for name, value in members.items() if value is not None and value not in ([], {})}


def batched(lines: Iterable[Line], size: int = BATCH) -> Iterator[list[Line]]:
    """The lines, so many at a time."""
    rest = iter(lines)
    while part := list(islice(rest, size)):
        yield part
