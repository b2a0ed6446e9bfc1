"""The native telemetry format: typed, bounded, and safe to complain about. PURE.

Times come as epoch milliseconds or as RFC 3339 text. What comes in milliseconds, as all that `route` writes does, is
decoded in one pass; text costs a second one.
"""

from typing import Final

import msgspec
from msgspec.structs import astuple

from ingest.formats.event import EARLIEST, LATEST, LONGEST, LONGEST_AGENT, Moment, RefreshEvent, Reject
from ingest.formats.wire import MAX_BYTES, UNREADABLE, attempt, complaint, holds_token, may_hold_token
from ingest.instant import epoch_ms
from revocation.issuers import Issuers


class _Spelled(RefreshEvent, kw_only=True, gc=False):
    """An event whose times may be text."""

    at: Moment | str  # type: ignore[assignment]  # the wire allows more than an event does
    access_exp: int | str | None = None  # type: ignore[assignment]  # likewise


_decode_event = msgspec.json.Decoder(RefreshEvent).decode
_decode_spelled = msgspec.json.Decoder(_Spelled).decode
_encode = msgspec.json.Encoder().encode
_LIMITS: Final = dict.fromkeys(RefreshEvent.__struct_fields__, LONGEST) | {"user_agent": LONGEST_AGENT}
_REQUIRED: Final = ("at", "iss", "outcome")


def decode(value: bytes, _issuers: Issuers) -> list[RefreshEvent]:
    """The one event of a record in the native format, which names its issuer itself.

    Raises:
        Reject: the record cannot be used.
    """
    try:
        event = _decode_event(value) if len(value) <= MAX_BYTES else None
    except UNREADABLE:
        event = attempt(_spell, value)
    if event is None or (may_hold_token(value) and holds_token(astuple(event))):
        raise complaint(value, _spell, _LIMITS, _REQUIRED)
    if not (event.sub or event.sid or event.ip):
        raise Reject("missing_field", "One of the members sub, sid and ip is required.")
    if event.access_exp is not None and event.access_exp < EARLIEST:  # in seconds, as the `exp` of a JWT is
        if event.access_exp > LATEST // 1000:
            raise Reject("bad_value", "The member access_exp has a value that it cannot have.")
        event.access_exp *= 1000
    return [event]


def encode(event: RefreshEvent) -> bytes:
    """The record of an event; what an event does not say is left out."""
    return _encode(event)


def _spell(value: bytes) -> RefreshEvent:
    """The event of a record whose times are text.

    Raises:
        msgspec.DecodeError: it is none.
    """
    spelled = _decode_spelled(value)
    if isinstance(spelled.at, str):
        spelled.at = _milliseconds("at", spelled.at)
    if isinstance(spelled.access_exp, str):
        spelled.access_exp = _milliseconds("access_exp", spelled.access_exp)
    return msgspec.convert(spelled, RefreshEvent, from_attributes=True)


def _milliseconds(name: str, text: str) -> int:
    try:
        return epoch_ms(text)
    except ValueError:
        raise msgspec.ValidationError(f"No RFC 3339 time - at `$.{name}`") from None
