"""Orders: what another system asks for in the words of its protocol, and the decision that it becomes. PURE.

RFC 7009, Global Token Revocation and security events all name somebody and a moment. Here that is one value, before it
is digested; what is digested is a `Revocation` like any other.
"""

from hashlib import blake2b

import msgspec

from revocation.claims import CUTOFFS
from revocation.record import DIGEST_BYTES, LATEST, Revocation, Scope, State, Subject, digester

FIRST_MS = 1
"""The earliest cut-off: 0 would mean that there is none, and every token be hit."""


class Target(msgspec.Struct, frozen=True):
    """Whom an order is about, in the clear; never stored, logged or answered."""

    scope: Scope
    #: Whose identity it is.
    iss: str
    #: The identity; empty where the whole issuer is meant.
    value: str


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is asked for."""

    target: Target
    state: State
    #: A slug, such as `caep.session_revoked`.
    reason: str
    #: The moment up to which logins are meant, epoch milliseconds; never in the future.
    at: int


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How long entries last; all times are milliseconds."""

    #: A session, a person or a client that was revoked: its provider may refresh it as long as nobody told it.
    revoke_ms: int = 86_400_000
    quarantine_ms: int = 3_600_000
    #: An issuer's longest life of an access token, by `iss`; a single token's entry need not outlast it.
    token_ms: dict[str, int] = {}
    usual_token_ms: int = 3_600_000
    #: How long after its end a gateway may still take a token, as clocks differ.
    leeway_ms: int = 300_000

    def of(self, order: Order) -> int:
        """How long the order's entry lasts."""
        token_ms = self.token_ms.get(order.target.iss, self.usual_token_ms)
        if order.target.scope is Scope.TOKEN:
            return token_ms
        return max(token_ms, self.quarantine_ms if order.state is State.QUARANTINED else self.revoke_ms)


def decision_of(
    order: Order, key: bytes, now: int, terms: Terms, *, actor: str, cause: str, until: int = 0
) -> Revocation:
    """The order as an entry, which ends no earlier than `until`.

    `cause` names what asked for it, such as a security event by issuer and id: the same cause gives the same id. And it
    is decided when it happened, not when it was heard: delivered again after a release, it counts as released.
    """
    target = order.target
    subject = Subject(target.scope, digester(key, target.scope, target.iss)(target.value))
    about = msgspec.json.encode([subject.scope, subject.digest.hex(), order.state, order.reason, cause])
    at = min(max(order.at, FIRST_MS), now)
    return Revocation(
        id=blake2b(about, digest_size=DIGEST_BYTES).hexdigest(),
        subject=subject,
        state=order.state,
        reasons=(order.reason,),
        decided_at=at,
        expires_at=min(max(now + terms.of(order), until), LATEST),
        not_before=at if target.scope in CUTOFFS or order.state is State.QUARANTINED else 0,
        actor=actor,
    )
