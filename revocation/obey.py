"""Obey: what follows from a security event that another system sends. PURE.

| event | and | follows |
|---|---|---|
| CAEP `session-revoked` | | the session, or all of the person's so far, are revoked |
| CAEP `credential-change` | anything but `create` | all of the person's sessions so far are revoked |
| CAEP `risk-level-change` | `HIGH` | the `principal` that is at risk is quarantined |
| RISC `sessions-revoked`, `account-disabled`, `account-purged`, `credential-compromise` | | as `credential-change` |
| OAuth `token-revoked` | | the token is revoked |
| OAuth `tokens-revoked` | | all of the person's sessions so far are revoked |

"So far" is up to when it happened. Nothing releases: that the risk is `LOW` again, or an account enabled, tells nothing
of the sessions that a thief may hold; a fresh login ends a quarantine, and a person's release anything.

A complex subject is acted upon by the member that the event is about, where a gateway can match it, else by the
narrowest: the session, the person, the device, the client, the tenant. Where a person is named beside a device, all of
the person's sessions are meant, as tokens seldom say of which device they are: to end too many of one person's sessions
is the smaller mistake.
"""

import hmac
import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

import msgspec

from revocation.identifiers import VALUE_CHARS, Identifier, Named
from revocation.orders import Order, Target
from revocation.record import Scope, State
from revocation.secevents import CAEP, OAUTH, RISC, SSF, Occurrence, SetRefused, Transmitter

Outcome = Literal["ordered", "nothing_follows", "not_obeyed", "unknown_event", "unknown_subject", "told"]
"""What became of an event. `unknown_subject`: no gateway could match whom it is about; `told`: about the stream."""

OTHER: Final = "other"


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What an event asks for."""

    #: The event's slug, or `OTHER`.
    event: str
    outcome: Outcome
    order: Order | None = None
    #: Of an event about the stream: what it says, for the log.
    said: dict[str, str] = {}


class Kind(NamedTuple):
    """One type of event."""

    slug: str
    #: What follows of its body; None: nothing.
    state: Callable[[dict[str, object]], State | None]
    #: The member of a complex subject that it is about; `principal`: it says so itself.
    about: str
    #: Members that are texts (CAEP 1.0, sections 3.3 and 3.8; RISC, section 2).
    required: tuple[str, ...] = ()


def _revoked(_: dict[str, object]) -> State | None:
    return State.REVOKED


def _credential(body: dict[str, object]) -> State | None:
    """A credential that was added takes nothing away from anybody who is signed in."""
    changed = body["change_type"]
    if changed not in {"create", "revoke", "update", "delete"}:
        raise SetRefused("invalid_request", "There is no such change_type (CAEP 1.0, section 3.3.1).")
    return None if changed == "create" else State.REVOKED


def _risk(body: dict[str, object]) -> State | None:
    level = body["current_level"]
    if level not in {"LOW", "MEDIUM", "HIGH"}:
        raise SetRefused("invalid_request", "There is no such current_level (CAEP 1.0, section 3.8.1).")
    return State.QUARANTINED if level == "HIGH" else None


_CHANGE, _RISK = ("credential_type", "change_type"), ("principal", "current_level")

#: What something can follow from.
OBEYABLE: Final[dict[str, Kind]] = {
    f"{CAEP}session-revoked": Kind("caep.session_revoked", _revoked, "session"),
    f"{CAEP}credential-change": Kind("caep.credential_change", _credential, "user", _CHANGE),
    f"{CAEP}risk-level-change": Kind("caep.risk_level_change", _risk, "principal", _RISK),
    f"{RISC}sessions-revoked": Kind("risc.sessions_revoked", _revoked, "user"),
    f"{RISC}account-disabled": Kind("risc.account_disabled", _revoked, "user"),
    f"{RISC}account-purged": Kind("risc.account_purged", _revoked, "user"),
    f"{RISC}credential-compromise": Kind("risc.credential_compromise", _revoked, "user", ("credential_type",)),
    f"{OAUTH}token-revoked": Kind("oauth.token_revoked", _revoked, "session"),
    f"{OAUTH}tokens-revoked": Kind("oauth.tokens_revoked", _revoked, "user"),
}

#: What is known, and means nothing to a gateway that matches identities.
IDLE: Final[dict[str, str]] = {
    f"{CAEP}token-claims-change": "caep.token_claims_change",
    f"{CAEP}assurance-level-change": "caep.assurance_level_change",
    f"{CAEP}device-compliance-change": "caep.device_compliance_change",
    f"{CAEP}session-established": "caep.session_established",
    f"{CAEP}session-presented": "caep.session_presented",
    f"{RISC}account-enabled": "risc.account_enabled",
}

#: About the stream itself; some transmitters write them below RISC or CAEP.
VERIFICATION: Final = (f"{SSF}verification", f"{RISC}verification")
UPDATED: Final = (f"{SSF}stream-updated", f"{CAEP}stream-updated")


def reading_of(event: Occurrence, transmitter: Transmitter) -> Reading:
    """What follows from the event.

    Raises:
        SetRefused: it is not as its specification says, or about somebody whom the transmitter may not name.
    """
    if event.uri in VERIFICATION:
        return _verification(event.body, transmitter)
    if event.uri in UPDATED:
        return Reading(event="ssf.stream_updated", outcome="told", said=_texts(event.body, "status", "reason"))
    kind = OBEYABLE.get(event.uri)
    if kind is not None:
        return _followed(event, kind, transmitter)
    idle = IDLE.get(event.uri)
    if idle is not None:
        return Reading(event=idle, outcome="nothing_follows")
    return Reading(event=OTHER, outcome="unknown_event")


def _followed(event: Occurrence, kind: Kind, transmitter: Transmitter) -> Reading:
    if not all(isinstance(event.body.get(name), str) and event.body[name] for name in kind.required):
        raise SetRefused("invalid_request", "The event lacks a member that its type requires.")
    state = kind.state(event.body)
    if state is None:
        return Reading(event=kind.slug, outcome="nothing_follows")
    if transmitter.obeyed is not None and kind.slug not in transmitter.obeyed:
        return Reading(event=kind.slug, outcome="not_obeyed")
    member = str(event.body["principal"]).lower() if kind.about == "principal" else kind.about
    target = target_of(event.about, transmitter, member)
    if target is None:
        return Reading(event=kind.slug, outcome="unknown_subject")
    if target.iss not in transmitter.issuers:
        raise SetRefused("access_denied", "This transmitter may not speak of identities of that issuer.")
    order = Order(target=target, state=state, reason=kind.slug, at=event.at)
    return Reading(event=kind.slug, outcome="ordered", order=order)


def target_of(about: Named | None, transmitter: Transmitter, member: str = "session") -> Target | None:
    """Whom a gateway can match of a subject; None: nobody. `member` of a complex subject is preferred."""
    if about is None:
        return None
    if about.simple is not None:
        return _simple(about.simple, transmitter)
    user = _user(about.members.get("user"), transmitter)
    home = transmitter.issuers[0] if user is None else user.iss
    targets = {
        "session": _opaque(about.members.get("session"), Scope.FAMILY, home),
        "user": user,
        "device": _opaque(about.members.get("device"), Scope.DEVICE, home),
        "application": _opaque(about.members.get("application"), Scope.CLIENT, home),
        "tenant": _tenant(about.members.get("tenant"), transmitter),
    }
    found = [name for name in (member, *targets) if targets.get(name) is not None]
    if not found:
        return None
    # A session is one principal's whoever else is named; of any other member only those may be meant who fit the rest.
    understood = {found[0], "user", "tenant"}
    present = about.members.keys() | about.unknown
    return None if found[0] != "session" and transmitter.critical & present - understood else targets[found[0]]


def _simple(one: Identifier, transmitter: Transmitter) -> Target | None:
    if one.format == "jwt_id":
        return Target(Scope.TOKEN, one.parts["iss"], one.parts["jti"])
    if one.format == "oauth_token":
        return _token(one.parts)
    if one.format == "opaque" and transmitter.opaque != "user":
        return _opaque(one, Scope.FAMILY, transmitter.issuers[0]) if transmitter.opaque == "session" else None
    if one.aliases:
        return next((target for alias in one.aliases if (target := _simple(alias, transmitter)) is not None), None)
    return _user(one, transmitter)


def _user(one: Identifier | None, transmitter: Transmitter) -> Target | None:
    if one is None:
        return None
    home = transmitter.issuers[0]
    if one.format == "iss_sub":
        return Target(Scope.SUBJECT, one.parts["iss"], one.parts["sub"])
    if one.format == "opaque":
        return Target(Scope.SUBJECT, home, one.parts["id"])
    if one.format == "email" and transmitter.emails:
        return Target(Scope.SUBJECT, home, one.parts["email"])
    return next((target for alias in one.aliases if (target := _user(alias, transmitter)) is not None), None)


def _opaque(one: Identifier | None, scope: Scope, iss: str) -> Target | None:
    return Target(scope, iss, one.parts["id"]) if one is not None and one.format == "opaque" else None


def _tenant(one: Identifier | None, transmitter: Transmitter) -> Target | None:
    if one is None or one.format != "opaque":
        return None
    iss = transmitter.tenants.get(one.parts["id"])
    return None if iss is None else Target(Scope.ISSUER, iss, "")


def _token(parts: dict[str, str]) -> Target | None:
    """The token in an `oauth_token` identifier, where it stands there in full and is a JWT; others match nothing."""
    if parts["token_identifier_alg"] != "plain":  # noqa: S105 - how the token is told, not a secret
        return None
    body = parts["token"].partition(".")[2].partition(".")[0]
    try:
        claims = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, RecursionError):
        return None
    iss, jti = (claims.get("iss"), claims.get("jti")) if isinstance(claims, dict) else (None, None)
    if not isinstance(iss, str) or not isinstance(jti, str) or not 0 < len(jti) <= VALUE_CHARS:
        return None
    return Target(Scope.TOKEN, iss, jti)


def _verification(body: dict[str, object], transmitter: Transmitter) -> Reading:
    """SSF 1.0, section 8.1.4.2: `state` is what was asked for; an unsolicited event has none."""
    state, expected = body.get("state"), transmitter.verification_state
    if state is not None and expected is not None:
        given = state.encode("utf-8", "surrogatepass") if isinstance(state, str) else b""
        if not hmac.compare_digest(given, expected.encode()):
            raise SetRefused("invalid_state", "The state is not what this receiver asked for.")
    return Reading(event="ssf.verification", outcome="told", said=_texts(body, "state"))


def _texts(body: dict[str, object], *names: str) -> dict[str, str]:
    """Short texts for the log, printable only."""
    found = ((name, body.get(name)) for name in names)
    return {name: value[:200] for name, value in found if isinstance(value, str) and value[:200].isprintable()}
