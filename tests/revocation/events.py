"""Security events for the tests: the specifications' own examples, their facts kept, in our words."""

from collections.abc import Mapping
from typing import Any

from revocation.secevents import CAEP, OAUTH, RISC, SSF, Transmitter

Json = dict[str, Any]

IDP = "https://idp.example.com/123456789/"
AUDIENCE = "https://sp.example.com/caep"
USER = "99beb27c-c1c2-4955-882a-e0dc4996fcbc"
SESSION = "dMTlD|1600802906337.16|16008.16"
ISSUED = 1615305159
HAPPENED = 1615304991
NOW = ISSUED * 1000 + 250

PERSON: Json = {"format": "iss_sub", "iss": IDP, "sub": USER}
COMPLEX: Json = {
    "format": "complex",
    "session": {"format": "opaque", "id": SESSION},
    "user": PERSON,
    "tenant": {"format": "opaque", "id": "123456789"},
}
STREAM: Json = {"format": "opaque", "id": "f67e39a0a4d34d56b3aa1bc4cff0069f"}
TOKEN: Json = {"format": "jwt_id", "iss": IDP, "jti": "B70BA622-9515-4353-A866-823539EECBC8"}

REVOKED: Json = {
    "initiating_entity": "policy",
    "reason_admin": {"en": "Landspeed policy violated: C076E82F"},
    "reason_user": {"en": "Access was attempted from several regions."},
    "event_timestamp": HAPPENED,
}
CHANGED: Json = {
    "credential_type": "fido2-roaming",
    "change_type": "update",
    "fido2_aaguid": "accced6a-63f5-490a-9eea-e59bc1896cfc",
    "friendly_name": "Jane's USB authenticator",
    "initiating_entity": "user",
    "reason_admin": {"en": "The user enrolled anew."},
    "event_timestamp": HAPPENED,
}
RISKY: Json = {
    "principal": "USER",
    "current_level": "HIGH",
    "previous_level": "LOW",
    "risk_reason": "PASSWORD_FOUND_IN_DATA_BREACH",
    "event_timestamp": HAPPENED,
}


def transmitter(**more: Any) -> Transmitter:
    """The transmitter of the examples."""
    return Transmitter(**({"iss": IDP, "audiences": (AUDIENCE,), "issuers": (IDP,)} | more))


def payload(
    uri: str = f"{CAEP}session-revoked", body: Mapping[str, object] = REVOKED, about: object = COMPLEX, **more: object
) -> Json:
    """The payload of an event; members that are None are left out."""
    said: Json = {
        "iss": IDP,
        "jti": "24c63fb56e5a2d77a6b512616ca9fa24",
        "iat": ISSUED,
        "aud": AUDIENCE,
        "txn": "8675309",
        "sub_id": about,
        "events": {uri: dict(body)},
        **more,
    }
    return {name: value for name, value in said.items() if value is not None}


#: Each with what follows: event, outcome, and, where something does, scope, state and identity.
EXAMPLES: dict[str, tuple[Json, tuple[str, ...]]] = {
    "caep session-revoked, complex": (
        payload(),
        ("caep.session_revoked", "ordered", "family", "revoked", SESSION),
    ),
    "caep session-revoked, person": (
        payload(about=PERSON),
        ("caep.session_revoked", "ordered", "subject", "revoked", USER),
    ),
    "caep session-revoked, token": (
        payload(about=TOKEN),
        ("caep.session_revoked", "ordered", "token", "revoked", TOKEN["jti"]),
    ),
    "caep credential-change": (
        payload(f"{CAEP}credential-change", CHANGED, PERSON),
        ("caep.credential_change", "ordered", "subject", "revoked", USER),
    ),
    "caep credential-change, one more": (
        payload(f"{CAEP}credential-change", {**CHANGED, "change_type": "create"}, PERSON),
        ("caep.credential_change", "nothing_follows"),
    ),
    "caep risk-level-change, high": (
        payload(f"{CAEP}risk-level-change", RISKY, PERSON),
        ("caep.risk_level_change", "ordered", "subject", "quarantined", USER),
    ),
    "caep risk-level-change, of a session": (
        payload(f"{CAEP}risk-level-change", {**RISKY, "principal": "SESSION"}),
        ("caep.risk_level_change", "ordered", "family", "quarantined", SESSION),
    ),
    "caep risk-level-change, of a person who is named with a session": (
        payload(f"{CAEP}risk-level-change", RISKY),
        ("caep.risk_level_change", "ordered", "subject", "quarantined", USER),
    ),
    "caep risk-level-change, low again": (
        payload(f"{CAEP}risk-level-change", {**RISKY, "current_level": "LOW", "previous_level": "HIGH"}, PERSON),
        ("caep.risk_level_change", "nothing_follows"),
    ),
    "caep token-claims-change": (
        payload(f"{CAEP}token-claims-change", {"claims": {"role": "ro-admin"}}, TOKEN),
        ("caep.token_claims_change", "nothing_follows"),
    ),
    "risc account-disabled": (
        payload(f"{RISC}account-disabled", {"reason": "hijacking"}, PERSON),
        ("risc.account_disabled", "ordered", "subject", "revoked", USER),
    ),
    "risc credential-compromise": (
        payload(f"{RISC}credential-compromise", {"credential_type": "password"}, PERSON),
        ("risc.credential_compromise", "ordered", "subject", "revoked", USER),
    ),
    "risc sessions-revoked": (
        payload(f"{RISC}sessions-revoked", {}, PERSON),
        ("risc.sessions_revoked", "ordered", "subject", "revoked", USER),
    ),
    "risc account-enabled": (
        payload(f"{RISC}account-enabled", {}, PERSON),
        ("risc.account_enabled", "nothing_follows"),
    ),
    "oauth token-revoked": (
        payload(f"{OAUTH}token-revoked", {"reason": "inactive"}, TOKEN),
        ("oauth.token_revoked", "ordered", "token", "revoked", TOKEN["jti"]),
    ),
    "oauth tokens-revoked": (
        payload(f"{OAUTH}tokens-revoked", {}, PERSON),
        ("oauth.tokens_revoked", "ordered", "subject", "revoked", USER),
    ),
    "ssf verification": (
        payload(f"{SSF}verification", {"state": "VGhpcyBpcyBhbiBleGFtcGxlIHN0YXRlIHZhbHVlLgo="}, STREAM),
        ("ssf.verification", "told"),
    ),
    "ssf stream-updated": (
        payload(f"{SSF}stream-updated", {"status": "paused", "reason": "Internal error"}, STREAM),
        ("ssf.stream_updated", "told"),
    ),
    "an event of tomorrow": (payload(f"{CAEP}v1.1/session-moved", {}, PERSON), ("other", "unknown_event")),
    "an e-mail address without a mapping": (
        payload(about={"format": "email", "email": "jane@example.com"}),
        ("caep.session_revoked", "unknown_subject"),
    ),
    "a format of tomorrow": (
        payload(about={"format": "catalog_item", "catalog_id": "c0384"}),
        ("caep.session_revoked", "unknown_subject"),
    ),
}

#: Older wires, which only a lenient transmitter may speak.
OLD_EXAMPLES: dict[str, tuple[Json, tuple[str, ...]]] = {
    "google: subject_type in the event": (
        payload(
            f"{RISC}account-disabled",
            {"subject": {"subject_type": "iss-sub", "iss": IDP, "sub": USER}, "reason": "hijacking"},
            None,
        ),
        ("risc.account_disabled", "ordered", "subject", "revoked", USER),
    ),
    "google: tokens-revoked": (
        payload(
            f"{OAUTH}tokens-revoked", {"subject": {"subject_type": "iss_sub", "iss": IDP, "sub": USER}}, None, sub="x"
        ),
        ("oauth.tokens_revoked", "ordered", "subject", "revoked", USER),
    ),
    "google: a refresh token by its prefix": (
        payload(
            f"{OAUTH}token-revoked",
            {
                "subject": {
                    "subject_type": "oauth_token",
                    "token_type": "refresh_token",
                    "token_identifier_alg": "prefix",
                    "token": "7265667265736820",
                }
            },
            None,
        ),
        ("oauth.token_revoked", "unknown_subject"),
    ),
    "google: verification": (
        payload(f"{RISC}verification", {"state": "s"}, None),
        ("ssf.verification", "told"),
    ),
    "sse 2021: members beside one another": (
        payload(body={**REVOKED, "user": PERSON, "session": {"format": "opaque", "id": SESSION}}, about=None),
        ("caep.session_revoked", "ordered", "family", "revoked", SESSION),
    ),
    "sse 2021: a person alone": (
        payload(body={**REVOKED, "subject": {"user": PERSON}}, about=None),
        ("caep.session_revoked", "ordered", "subject", "revoked", USER),
    ),
    "okta: both subjects": (
        payload(body={**REVOKED, "subject": PERSON}, about=PERSON),
        ("caep.session_revoked", "ordered", "subject", "revoked", USER),
    ),
    "two events of one cause": (
        payload(about=PERSON, events={f"{CAEP}session-revoked": REVOKED, f"{RISC}account-disabled": {}}),
        ("caep.session_revoked", "ordered", "subject", "revoked", USER),
    ),
    "sgnl: stream-updated among CAEP's": (
        payload(f"{CAEP}stream-updated", {"status": "enabled"}, STREAM),
        ("ssf.stream_updated", "told"),
    ),
}
