"""Security events: what becomes of a decision when others are told (CAEP 1.0, SSF 1.0). PURE.

| decision          | event                                      |
|-------------------|--------------------------------------------|
| revoked           | `session-revoked`                          |
| quarantined       | `risk-level-change` to HIGH; nothing ended |
| released          | `risk-level-change` to LOW                 |
"""

from hashlib import blake2b
from typing import Any, Literal

import msgspec

from revocation.ssf.identity import Identity
from revocation.ssf.receivers import Receiver
from revocation.ssf.streams import Stream, Wish
from revocation.ssf.subjects import Json, matches, opaque, subject_of

CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
SSF = "https://schemas.openid.net/secevent/ssf/event-type/"
SESSION_REVOKED = f"{CAEP}session-revoked"
RISK_LEVEL_CHANGE = f"{CAEP}risk-level-change"
VERIFICATION = f"{SSF}verification"
STREAM_UPDATED = f"{SSF}stream-updated"
SUPPORTED = (SESSION_REVOKED, RISK_LEVEL_CHANGE)
"""What receivers can ask for; verification and stream-updated come in any case."""

JTI_BYTES = 16
SECOND_MS = 1000

What = Literal["revoked", "quarantined", "released"]


class News(msgspec.Struct, frozen=True, kw_only=True):
    """One decision about one identity, as others are told of it."""

    #: The same decision has the same id, however often it is heard of; others see it as `txn`.
    id: str
    #: When it happened, epoch milliseconds.
    at: int
    what: What
    identity: Identity
    #: The person with all sessions, not only the one.
    whole: bool = False
    #: Slugs, strongest first.
    reasons: tuple[str, ...] = ()
    #: A person decided, not the detector.
    by_hand: bool = False


def claims_of(
    news: News, stream: Stream, receiver: Receiver, iss: str, now: int
) -> Json | Literal["unsaid", "unasked"]:
    """The claims of the SET that tells the stream's receiver the news; or a word that says why there is none.

    `unsaid`: the identity cannot be named in the receiver's shape. `unasked`: the receiver does not want this event, or
    not of this subject, or may not know of the issuer.
    """
    uri = SESSION_REVOKED if news.what == "revoked" else RISK_LEVEL_CHANGE
    if uri not in stream.delivered(SUPPORTED) or not receiver.sees(news.identity.iss):
        return "unasked"
    subject = subject_of(news.identity, receiver.subject, whole=news.whole, widen=receiver.widen)
    if subject is None:
        return "unsaid"
    named = any(matches(one, subject) for one in stream.subjects)
    if named is (receiver.default_subjects == "ALL"):  # of all, those named were removed; of none, they were added
        return "unasked"
    event = _event(news, subject, nested=receiver.nested_subject)
    return _envelope(stream, iss, jti_of(stream.id, news.id, uri), now, subject, uri, event) | {"txn": news.id}


def wish_claims_of(wish: Wish, stream: Stream, iss: str, now: int) -> Json:
    """The claims of the SET about the stream itself that was wished for."""
    told: Json = {"state": wish.text} if wish.kind == "verification" else {"reason": wish.text}
    event = {name: text for name, text in told.items() if text is not None}
    uri = VERIFICATION
    if wish.kind == "updated":
        uri, event = STREAM_UPDATED, {"status": wish.status, **event}
    return _envelope(stream, iss, jti_of(stream.id, wish.id, uri), now, opaque(stream.id), uri, event)


def jti_of(*parts: str) -> str:
    """The id of a SET, the same for the same event to the same stream."""
    return blake2b(msgspec.json.encode(parts), digest_size=JTI_BYTES).hexdigest()


def _event(news: News, subject: Json, *, nested: bool) -> Json:
    said = ", ".join(news.reasons) or "no reason given"
    common: dict[str, Any] = {
        "event_timestamp": news.at // SECOND_MS,
        "initiating_entity": "admin" if news.by_hand else "policy",
    }
    if nested:
        common["subject"] = subject
    if news.what == "revoked":
        return common | {"reason_admin": {"en": f"Revoked: {said}."}}
    is_session = subject["format"] == "complex"
    level = "HIGH" if news.what == "quarantined" else "LOW"
    return common | {"current_level": level, "principal": "SESSION" if is_session else "USER", "risk_reason": said}


def _envelope(stream: Stream, iss: str, jti: str, now: int, subject: Json, uri: str, event: Json) -> Json:
    """RFC 8417 as SSF wants it: one event, `sub_id` always, and neither `sub` nor `exp`."""
    return {
        "iss": iss,
        "aud": stream.aud[0] if len(stream.aud) == 1 else list(stream.aud),
        "iat": now // SECOND_MS,
        "jti": jti,
        "sub_id": subject,
        "events": {uri: event},
    }
