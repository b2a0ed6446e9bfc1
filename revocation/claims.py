"""What a token is checked by: the claims of it, the answer, and the rules of what hits it. PURE."""

from collections.abc import Callable
from operator import attrgetter
from typing import Literal

import msgspec

from revocation.record import Revocation, Scope, State


class Claims(msgspec.Struct, frozen=True, kw_only=True):
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


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What to do with a token, and why."""

    decision: Literal["allow", "step_up", "deny"]
    #: `unknown`: the claims name nothing that an entry could be about.
    state: Literal["active", "quarantined", "revoked", "unknown"]
    scope: Scope | None = None
    #: The strongest reason's slug.
    reason: str | None = None
    #: The entry's expiry, epoch milliseconds.
    until: int | None = None


class Probe(msgspec.Struct, frozen=True):
    """How an identity of one scope is found in claims."""

    scope: Scope
    value: Callable[[Claims], str | None]
    #: Digested with the token's issuer, or, as no issuer owns it, with "".
    of_issuer: bool = True
    #: Whether an entry's `not_before` spares tokens of later logins.
    has_cutoff: bool = False


#: Addresses are matched exactly; prefixes and ASNs come with the origin stage.
PROBES = (
    Probe(Scope.ISSUER, lambda _: "", has_cutoff=True),
    Probe(Scope.KEY, attrgetter("kid"), has_cutoff=True),
    Probe(Scope.CLIENT, attrgetter("client_id"), has_cutoff=True),
    Probe(Scope.SUBJECT, attrgetter("sub"), has_cutoff=True),
    Probe(Scope.DEVICE, attrgetter("device")),
    Probe(Scope.FAMILY, attrgetter("sid")),
    Probe(Scope.TOKEN, attrgetter("jti")),
    Probe(Scope.ORIGIN, attrgetter("ip"), of_issuer=False),
)

ALLOW = Answer(decision="allow", state="active")
UNKNOWN = Answer(decision="allow", state="unknown")

CUTOFFS = frozenset(probe.scope for probe in PROBES if probe.has_cutoff)


def spares(entry: Revocation, claims: Claims) -> bool:
    """Whether the token's login is late enough for the entry not to hit it."""
    if entry.state is State.QUARANTINED:
        # Signing in again is what was asked for; a fresh `iat` is only a refresh, and a thief can do that.
        login, cut = claims.auth_time, entry.not_before or entry.decided_at
    elif entry.not_before and entry.subject.scope in CUTOFFS:
        login, cut = claims.iat if claims.auth_time is None else claims.auth_time, entry.not_before
    else:
        return False
    # In whole seconds, as a login in the cut-off's own second may have come before it. Not a number: not spared.
    return login is not None and login // 1 * 1000 > cut


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
    )
