"""Alerts as CloudEvents 1.0, and revocations as they stand in the compacted topic."""

from typing import Any, Protocol

import msgspec

from detector.batch import RefreshBatch
from detector.verdict import Segment
from ingest.advice import advice, evidence
from ingest.instant import rfc3339
from ingest.reader import Reading
from ingest.sink import Message
from ingest.source import Record
from revocation.alert import Alert
from revocation.feed import public
from revocation.record import Change, Revocation

ALERT_TYPE = "tokenward.alert.v1"
SOURCE = "urn:tokenward:worker"
STRUCTURED = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
"""CloudEvents' Kafka binding, structured mode: the whole event is the record's value."""

_ENCODER = msgspec.json.Encoder()


class Evidence(Protocol):
    """What alerts are about: events with their records, and the same in columns."""

    @property
    def reading(self) -> Reading:
        """Events and their records."""
        ...

    @property
    def batch(self) -> RefreshBatch:
        """One row an event."""
        ...


def alert_message(topic: str, alert: Alert, part: Evidence, **further: Any) -> Message:
    """One alert as a message (`docs/schemas/alert.v1.json`); people and sessions stand in it as digests only.

    `further` members stand in it, too.
    """
    event = part.reading.events[alert.row]
    told: dict[str, Any] = {
        "kind": alert.kind,
        "level": alert.level.slug,
        "cause": alert.cause,
        "scope": alert.subject.scope,
        "digest": alert.subject.digest.hex(),
        **_whom(alert, part),
        "iss": event.iss or None,
        "reasons": list(alert.reasons),
        "score": alert.score,
        "measurements": alert.measurements,
        "grades": alert.grades,
        "weights": alert.weights,
        "thresholds": alert.thresholds,
        "odds": alert.odds,
        "config": alert.config,
        "excused": list(alert.excused),
        "repeat": alert.repeat,
        "limited": alert.limited,
        "events": [event.id or _place(part.reading.origins[alert.row])],
        "revocations": list(alert.revocations),
        "entries": [_entry(entry) for entry in alert.entries],
        "enforcement": alert.enforcement,
        "expires_at": rfc3339(alert.expires_at) if alert.expires_at else None,
        "evidence": evidence(alert.measurements),
        "advice": advice(alert),
        **further,
    }
    envelope = {
        "specversion": "1.0",
        "id": alert.id,
        "source": SOURCE,
        "type": ALERT_TYPE,
        "subject": alert.subject.digest.hex(),
        "time": rfc3339(alert.at),
        "datacontenttype": "application/json",
        "data": {name: value for name, value in told.items() if value is not None},
    }
    return Message(topic, _ENCODER.encode(envelope), key=alert.subject.digest.hex().encode(), headers=STRUCTURED)


def _whom(alert: Alert, part: Evidence) -> dict[str, Any]:
    """Names and digests of what the alert is about: of an incident its segment, no single person."""
    event = part.reading.events[alert.row]
    if alert.kind == "incident":
        segment = alert.segment
        return {
            "segment": segment.slug,
            "client_id": event.client_id if segment in {Segment.RELEASE, Segment.CLIENT} else None,
            "user_agent": event.user_agent if segment is Segment.RELEASE else None,
            "asn": int(part.batch.asn[alert.row]) if segment is Segment.NETWORK else None,
        }
    if alert.kind == "page":
        return {"client_id": event.client_id}
    return {
        "subject": _digest(part, "subject", alert.row),
        "family": _digest(part, "family", alert.row),
        "client_id": event.client_id,
    }


def _entry(entry: Revocation) -> dict[str, Any]:
    """An entry as it was decided; `refresh.revocations` has it as the registry merged it."""
    return {
        "id": entry.id,
        "scope": entry.subject.scope,
        "digest": entry.subject.digest.hex(),
        "state": entry.state.slug,
        **({"not_before": rfc3339(entry.not_before)} if entry.not_before else {}),
        "expires_at": rfc3339(entry.expires_at),
    }


def change_message(topic: str, change: Change) -> Message:
    """One line of the compacted topic: the entry as the registry has it now, merged; the key is its id.

    `revocation.feed.private` reads the value back; a rebuilt registry merges the lines again, releases included.
    """
    entry = public(change.entry, change.seq, with_actor=True)
    return Message(topic, _ENCODER.encode(entry), key=change.entry.id.encode())


def _digest(part: Evidence, scope: str, row: int) -> str | None:
    high, low = int(getattr(part.batch, scope)[row]), int(getattr(part.batch, f"{scope}_low")[row])
    return f"{high:016x}{low:016x}" if high else None


def _place(record: Record) -> str:
    return f"{record.topic}:{record.partition}:{record.offset}"
