"""What simulated events look like on the wire: our own format, or Keycloak's (which has no device and no position)."""

from collections.abc import Callable
from typing import Any

import msgspec

from ingest.formats.event import RefreshEvent
from ingest.formats.native import encode as encode_native
from tokenward.simulate.provider import Application
from tokenward.simulate.simulation import APPLICATIONS

REALMS: dict[str, Application] = {application.iss: application for application in APPLICATIONS}
"""Each issuer's realm."""

KEYCLOAK_TYPES = {
    ("login", "success"): "LOGIN",
    ("logout", "success"): "LOGOUT",
    ("refresh", "success"): "REFRESH_TOKEN",
    ("refresh", "refused"): "REFRESH_TOKEN_ERROR",
}
KEYCLOAK_REASONS = {
    "reuse": "Maximum allowed refresh token reuse exceeded",
    "stale": "Stale token",
    "ended": "Session doesn't have required client",
    "expired": "Token is not active",
    "invalid_grant": "Invalid refresh token",
    "temporarily_unavailable": "Unexpected error when handling authentication request to identity provider",
}

_encode = msgspec.json.Encoder().encode


def keycloak(event: RefreshEvent) -> bytes:
    """One `org.keycloak.events.Event` as its Kafka plugins write it: a refusal names the user in the details only."""
    refused = event.outcome == "refused"
    details: dict[str, Any] = {"grant_type": "refresh_token"} if event.type == "refresh" else {}
    if refused:
        details |= {"reason": KEYCLOAK_REASONS[event.error or ""], "refresh_token_sub": event.sub}
        details |= {"refresh_token_id": event.token, "refresh_token_type": "Refresh"}
    elif event.type == "refresh":
        details |= {"refresh_token_id": event.token, "updated_refresh_token_id": event.successor}
        details |= {"token_id": event.access_jti, "refresh_token_type": "Refresh", "scope": "openid profile"}
    elif event.type == "login":
        details |= {"refresh_token_id": event.successor, "token_id": event.access_jti}
    if event.access_exp is not None and not refused:
        details["access_token_expiration_time"] = str((event.access_exp - event.at) // 1000)
    return _encode(
        {
            "id": event.id,
            "time": event.at,
            "type": KEYCLOAK_TYPES[event.type, event.outcome],
            "realmId": REALMS[event.iss].realm,
            "realmName": event.iss.rstrip("/").rpartition("/")[2],
            "clientId": event.client_id,
            "userId": None if refused else event.sub,
            "sessionId": event.sid,
            "ipAddress": event.ip,
            "error": "invalid_token" if refused else None,
            "details": details,
        }
    )


SHAPES: dict[str, Callable[[RefreshEvent], bytes]] = {"native": encode_native, "keycloak": keycloak}
"""Format name -> how an event is written."""
