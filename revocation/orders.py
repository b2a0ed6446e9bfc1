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


def decision_of(
    order: Order, key: bytes, now: int, span_ms: int, *, actor: str, cause: str, until: int = 0
) -> Revocation:
    """The order as an entry, which lasts for that span, and ends no earlier than `until`.

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
        expires_at=min(max(now + span_ms, until), LATEST),
        not_before=at if target.scope in CUTOFFS or order.state is State.QUARANTINED else 0,
        actor=actor,
    )
