"""Alerts as CloudEvents 1.0, and revocations as they stand in the compacted topic."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from ingest.sink import Message
from ingest.source import Record
from ingest.turn import Part
from revocation.decide import Alert
from revocation.feed import public
from revocation.record import Change

ALERT_TYPE = "tokenward.alert.v1"
SOURCE = "urn:tokenward:worker"
STRUCTURED = (("content-type", b"application/cloudevents+json; charset=UTF-8"),)
"""CloudEvents' Kafka binding, structured mode: the whole event is the record's value."""

ADVICE = {
    "reuse.benign_retry": "Nothing needs to be done: a client repeated a request whose answer it seems to have lost.",
    "reuse.concurrent_client": "Nothing needs to be done: several tabs of one client refreshed at once.",
    "reuse.stale_after_logout": "Nothing needs to be done: the session had ended before.",
    "reuse.theft_suspected": "Ask the person whether both places are theirs; have them sign in again if in doubt.",
    "reuse.theft_confirmed": "A refresh token is in two hands: end the session at the provider too, have the person "
    "sign in again, and look for how the token left the device.",
    "travel.impossible": "Ask the person whether they were in both places; release the session if a VPN explains it.",
    "cadence.burst": "Look at the client that refreshes so often: a script with a stolen token, or a bad release.",
    "travel.return": "Ask the person which of the two places is theirs; the other one is somebody else's.",
    "spread.strangers": "A session is used from many addresses: have the person sign in again, and look for a shared "
    "or stolen token.",
    "spread.origin": "Look at what this origin does with so many sessions; block it if nobody knows it.",
    "failure.refused": "Look at the client that is refused so often: a script with a dead token, or a broken release.",
    "failure.stuffing": "Somebody tries tokens here that are not theirs: block the origin, look for the leak.",
    "novelty.subject": "Ask the person whether the new device or network is theirs.",
    "novelty.family": "A session moved to another device or network: ask the person whether both are theirs.",
    "model.unusual": "Compare the measurements with what is usual for this person.",
    "effectiveness.refreshed": "The provider still refreshes a session that had ended: end it there, at once.",
    "systemic.reuse": "Many sessions replay tokens alike: look at the client's release; nobody was thrown out.",
    "systemic.travel": "Many people seem to have moved at once: look at the GeoIP data; nobody was thrown out.",
    "systemic.volume": "Many sessions refresh or fail alike: look at the client's release and at the provider; nobody "
    "was thrown out.",
}
"""What to do, a sentence for each reason."""
OTHERWISE = "Look at the measurements and decide whether the session is to be released."

_ENCODER = msgspec.json.Encoder()


def alert_message(topic: str, alert: Alert, part: Part) -> Message:
    """One alert as a message (`docs/schemas/alert.v1.json`); people and sessions stand in it as digests only."""
    event = part.reading.events[alert.row]
    told: dict[str, Any] = {
        "level": alert.level.slug,
        "scope": alert.subject.scope,
        "digest": alert.subject.digest.hex(),
        "subject": _digest(part, "subject", alert.row),
        "family": _digest(part, "family", alert.row),
        "iss": event.iss,
        "client_id": event.client_id,
        "reasons": list(alert.reasons),
        "score": alert.score,
        "measurements": alert.measurements,
        "events": [event.id or _place(part.reading.origins[alert.row])],
        "revocations": list(alert.revocations),
        "enforcement": alert.enforcement,
        "expires_at": _time(alert.expires_at) if alert.expires_at else None,
        "advice": list(dict.fromkeys(ADVICE.get(reason, OTHERWISE) for reason in alert.reasons)),
    }
    envelope = {
        "specversion": "1.0",
        "id": alert.id,
        "source": SOURCE,
        "type": ALERT_TYPE,
        "subject": alert.subject.digest.hex(),
        "time": _time(alert.at),
        "datacontenttype": "application/json",
        "data": {name: value for name, value in told.items() if value is not None},
    }
    return Message(topic, _ENCODER.encode(envelope), key=alert.subject.digest.hex().encode(), headers=STRUCTURED)


def change_message(topic: str, change: Change) -> Message:
    """One line of the compacted topic: the entry as the registry has it now, merged; the key is its id.

    `revocation.feed.private` reads the value back; a rebuilt registry merges the lines again, releases included.
    """
    entry = public(change.entry, change.seq, with_actor=True)
    return Message(topic, _ENCODER.encode(entry), key=change.entry.id.encode())


def _digest(part: Part, scope: str, row: int) -> str | None:
    high, low = int(getattr(part.batch, scope)[row]), int(getattr(part.batch, f"{scope}_low")[row])
    return f"{high:016x}{low:016x}" if high else None


def _place(record: Record) -> str:
    return f"{record.topic}:{record.partition}:{record.offset}"


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
