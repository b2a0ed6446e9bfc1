"""What a token is checked by: the claims of it, the answer, and the rules of what hits it. PURE."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network
from operator import attrgetter
from typing import Final, Literal

import msgspec

from revocation.record import Revocation, Scope, State


class Claims(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a gateway knows of a token; any of it. Times are seconds since the epoch, as in a JWT."""

    iss: str | None = None
    sub: str | None = None
    #: The session, or whatever else the issuer calls a token family.
    sid: str | None = None
    jti: str | None = None
    iat: int | float | None = None
    auth_time: int | float | None = None
    client_id: str | None = None
    #: A device id, or the thumbprint in `cnf.jkt`.
    device: str | None = None
    kid: str | None = None
    #: Where the request comes from.
    ip: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What to do with a token, and why."""

    decision: Literal["allow", "step_up", "deny"]
    #: `unknown`: the claims name nothing that an entry could be about.
    state: Literal["active", "quarantined", "revoked", "unknown"]
    scope: Scope | None = None
    #: The strongest reason's slug.
    reason: str | None = None
    #: The entry's expiry, epoch milliseconds.
    until: int | None = None
    #: Of a quarantine: a login after this moment, epoch milliseconds, ends it.
    auth_after: int | None = None


class Probe(msgspec.Struct, frozen=True):
    """How an identity of one scope is found in claims."""

    scope: Scope
    value: Callable[[Claims], str | None]
    #: Digested with the token's issuer, or, as no issuer owns it, with "".
    of_issuer: bool = True
    #: Whether an entry's `not_before` spares tokens of later logins.
    has_cutoff: bool = False


NETWORK_BITS: Final = {4: 24, 6: 48}
"""The networks that an entry can be about, by IP version: those that the detector takes for one place."""


@lru_cache(maxsize=4096)
def network_of(address: str) -> str | None:
    """The network of an address, such as `203.0.113.0/24`; None: it is no address."""
    try:
        version = ip_address(address).version
    except ValueError:
        return None
    return str(ip_network(f"{address}/{NETWORK_BITS[version]}", strict=False))


@lru_cache(maxsize=4096)
def address_of(text: str) -> str | None:
    """An address as telemetry's are digested: in its shortest form, IPv4 not mapped into IPv6, without a zone."""
    try:
        address = ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def _network(claims: "Claims") -> str | None:
    return None if claims.ip is None else network_of(claims.ip)


PROBES = (
    Probe(Scope.ISSUER, lambda _: "", has_cutoff=True),
    Probe(Scope.KEY, attrgetter("kid"), has_cutoff=True),
    Probe(Scope.CLIENT, attrgetter("client_id"), has_cutoff=True),
    Probe(Scope.SUBJECT, attrgetter("sub"), has_cutoff=True),
    Probe(Scope.DEVICE, attrgetter("device")),
    Probe(Scope.FAMILY, attrgetter("sid")),
    Probe(Scope.TOKEN, attrgetter("jti")),
    Probe(Scope.ORIGIN, attrgetter("ip"), of_issuer=False),
    Probe(Scope.ORIGIN, _network, of_issuer=False),
)

ALLOW = Answer(decision="allow", state="active")
UNKNOWN = Answer(decision="allow", state="unknown")

CUTOFFS = frozenset(probe.scope for probe in PROBES if probe.has_cutoff)


def claims_of(payload: Mapping[str, object], kid: str | None = None, ip: str | None = None) -> Claims:
    """The claims in a JWT's payload; `kid` is its header's, `ip` the request's. What is of another type is not there.

    The client is `client_id` (RFC 9068) or `azp` (OpenID Connect); the device is the key that the token is bound to
    (`cnf.jkt`, RFC 9449), or else `device_id`.
    """
    bound = payload.get("cnf")
    device = _text(bound.get("jkt")) if isinstance(bound, Mapping) else None
    return Claims(
        iss=_text(payload.get("iss")),
        sub=_text(payload.get("sub")),
        sid=_text(payload.get("sid")),
        jti=_text(payload.get("jti")),
        iat=_moment(payload.get("iat")),
        auth_time=_moment(payload.get("auth_time")),
        client_id=_text(payload.get("client_id")) or _text(payload.get("azp")),
        device=device or _text(payload.get("device_id")),
        kid=kid,
        ip=None if ip is None else address_of(ip),
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _moment(value: object) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def spares(entry: Revocation, claims: Claims) -> bool:
    """Whether the token's login is late enough for the entry not to hit it."""
    if entry.state is State.QUARANTINED:
        # Signing in again is what was asked for; a fresh `iat` is only a refresh, and a thief can do that.
        login, cut = claims.auth_time, _release_of(entry)
    elif entry.not_before and entry.subject.scope in CUTOFFS:
        login, cut = claims.iat if claims.auth_time is None else claims.auth_time, entry.not_before
    else:
        return False
    # In whole seconds, as a login in the cut-off's own second may have come before it. Not a number: not spared.
    return login is not None and login // 1 * 1000 > cut


def _release_of(quarantine: Revocation) -> int:
    """The moment that a login must be later than to end the quarantine."""
    return quarantine.not_before or quarantine.decided_at


def strength(entry: Revocation) -> tuple[State, int]:
    """Sorts entries: of several that hit a token the greatest answers."""
    return entry.state, entry.expires_at


def answer_of(entry: Revocation) -> Answer:
    """The answer about a token that the entry hits."""
    return Answer(
        decision="deny" if entry.state is State.REVOKED else "step_up",
        state="revoked" if entry.state is State.REVOKED else "quarantined",
        scope=entry.subject.scope,
        reason=entry.reasons[0] if entry.reasons else None,
        until=entry.expires_at,
        auth_after=_release_of(entry) if entry.state is State.QUARANTINED else None,
    )
