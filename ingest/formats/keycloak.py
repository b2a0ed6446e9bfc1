"""Keycloak's events, as its Kafka plugins write them (`org.keycloak.events.Event` as JSON). PURE.

What was seen on a live Keycloak 26.4 with rotation on, and is easily got wrong:

- `time` is in milliseconds; the values in `details` are text;
- on errors `userId` is mostly null, and the user stands in `details.refresh_token_sub`;
- a login's `refresh_token_id` was issued, a refresh's was presented, and `updated_refresh_token_id` issued for it;
- `token_id` is the whole `jti` of the access token, prefix and all;
- `realmId` is a UUID that stands in no token: `Issuers` maps it, or the realm's name, to the issuer;
- `REVOKE_GRANT` of one access token (`token_id`, no `revoked_client`) leaves the session alive.
"""

from typing import Final, Literal, NamedTuple

import msgspec
from msgspec.structs import astuple

from ingest.formats.event import LATEST, LONGEST, Moment, RefreshEvent, Reject, Text
from ingest.formats.wire import attempt, complaint, holds_token, may_hold_token
from revocation.issuers import Issuers

NAME: Final = "keycloak"


class _Happening(NamedTuple):
    type: Literal["refresh", "login", "logout", "revoked"]
    outcome: Literal["success", "refused"]


TYPES: Final[dict[str, _Happening]] = {
    "REFRESH_TOKEN": _Happening("refresh", "success"),
    "REFRESH_TOKEN_ERROR": _Happening("refresh", "refused"),
    "LOGIN": _Happening("login", "success"),
    "CODE_TO_TOKEN": _Happening("login", "success"),
    "OAUTH2_DEVICE_CODE_TO_TOKEN": _Happening("login", "success"),
    "AUTHREQID_TO_TOKEN": _Happening("login", "success"),
    "LOGOUT": _Happening("logout", "success"),
    "REVOKE_GRANT": _Happening("revoked", "success"),
}
"""The event types that say something about a refresh token's family; all others are passed over."""

FAULTS: Final[dict[str, str]] = {
    "Maximum allowed refresh token reuse exceeded": "reuse",
    "Stale token": "stale",
    "Session doesn't have required client": "ended",  # what follows once a family was killed: no new attack
    "Session not active": "ended",
    "Offline session not active": "ended",
    "Token is not active": "expired",
    "Refresh token expired": "expired",
    "Invalid refresh token": "invalid_grant",
}
"""`details.reason` to the native `error`; for another reason Keycloak's own `error` is kept, which counts as OTHER."""


class _Details(msgspec.Struct, gc=False):
    reason: str | None = None
    token_id: Text | None = None
    refresh_token_id: Text | None = None
    updated_refresh_token_id: Text | None = None
    refresh_token_sub: Text | None = None
    access_token_expiration_time: str | int | None = None
    revoked_client: str | None = None


class _Event(msgspec.Struct, kw_only=True):
    type: str
    time: Moment
    id: Text | None = None
    realm_id: Text | None = msgspec.field(name="realmId", default=None)
    realm_name: Text | None = msgspec.field(name="realmName", default=None)
    client_id: Text | None = msgspec.field(name="clientId", default=None)
    user_id: Text | None = msgspec.field(name="userId", default=None)
    session_id: Text | None = msgspec.field(name="sessionId", default=None)
    ip_address: Text | None = msgspec.field(name="ipAddress", default=None)
    error: Text | None = None
    details: _Details | None = None


class _Kind(msgspec.Struct, gc=False):
    """Enough to tell what need not be read."""

    type: str | None = None
    operation: object = msgspec.field(name="operationType", default=None)  # admin events have one, and no `type`


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_kind = msgspec.json.Decoder(_Kind).decode
_NO_DETAILS: Final = _Details()
_LIMITS: Final = dict.fromkeys(
    [
        *(field.encode_name for field in msgspec.structs.fields(_Event)),
        *(f"details.{field.encode_name}" for field in msgspec.structs.fields(_Details)),
    ],
    LONGEST,
)
_REQUIRED: Final = ("type", "time")


def decode(value: bytes, issuers: Issuers) -> list[RefreshEvent]:
    """The event of a Keycloak record, or none: most types say nothing about refresh tokens, admin events neither.

    Raises:
        Reject: the record cannot be used, or its realm is not mapped to an issuer.
    """
    event = attempt(_decode_event, value)
    if event is None:
        kind = attempt(_decode_kind, value)
        if kind is not None and (kind.type not in TYPES if kind.type else kind.operation is not None):
            return []
        raise complaint(value, _decode_event, _LIMITS, _REQUIRED)
    happening = TYPES.get(event.type)
    details = event.details or _NO_DETAILS
    if happening is None or (happening.type == "revoked" and not details.revoked_client):
        return []
    if may_hold_token(value) and holds_token((*astuple(event), *astuple(details))):
        raise complaint(value, _decode_event, _LIMITS, _REQUIRED)
    return [_refresh_event(event, details, happening, _iss(event, issuers))]


def _iss(event: _Event, issuers: Issuers) -> str:
    if not (event.realm_id or event.realm_name):
        raise Reject("missing_field", "One of the members realmId and realmName is required.")
    iss = issuers.iss_of(NAME, event.realm_id, event.realm_name)
    if iss is None:
        sentence = f'No issuer is configured for the realm: add [issuers."..."] with format = "{NAME}" and its tenant.'
        raise Reject("unmapped_tenant", sentence, tenant=event.realm_name or event.realm_id)
    return iss


def _refresh_event(event: _Event, details: _Details, happening: _Happening, iss: str) -> RefreshEvent:
    sub = event.user_id or details.refresh_token_sub
    if not (sub or event.session_id or event.ip_address):
        raise Reject("missing_field", "One of the members userId, sessionId and ipAddress is required.")
    presented, successor = details.refresh_token_id, details.updated_refresh_token_id
    if happening.type == "login":
        presented, successor = None, presented
    return RefreshEvent(
        at=event.time,
        iss=iss,
        outcome=happening.outcome,
        type=happening.type,
        error=_error(event, details) if happening.outcome == "refused" else None,
        id=event.id,
        sub=sub,
        sid=event.session_id,
        client_id=event.client_id,
        token=presented,
        successor=successor,
        access_jti=details.token_id,
        access_exp=_access_exp(event.time, details.access_token_expiration_time),
        ip=event.ip_address,
    )


def _error(event: _Event, details: _Details) -> str:
    return FAULTS.get(details.reason or "") or event.error or "other"


def _access_exp(at: int, seconds: str | int | None) -> int | None:
    """When the access token ends, epoch milliseconds, from its life in seconds; None where that makes no sense."""
    text = str(seconds)
    if not text.isdecimal() or len(text) > len(str(LATEST)):
        return None
    exp = at + int(text) * 1000
    return exp if exp <= LATEST else None
