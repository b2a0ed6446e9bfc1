"""What somebody wants done, in a form that can wait for a second person."""

from typing import Literal

import msgspec

from api.registrar import Registrar
from revocation.naming import decision_of
from revocation.record import Change, Revocation, Scope, State, Subject


class Wish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change of one subject; of an identity only its digest is kept. Times are milliseconds."""

    action: Literal["revoke", "release"]
    scope: Scope
    digest: str
    reason: str
    #: None: known by its digest only.
    iss: str | None = None
    comment: str = ""
    state: State = State.REVOKED
    ttl_ms: int = 0
    #: None: the moment at which it is carried out.
    not_before: int | None = None

    @property
    def subject(self) -> Subject:
        """Whom it is about."""
        return Subject(self.scope, bytes.fromhex(self.digest))

    def decision(self, actor: str, now: int) -> Revocation:
        """The decision, made now."""
        return decision_of(self.subject, self.state, self.ttl_ms, self.reason, actor, now, self.not_before)


def carry(registrar: Registrar, actor: str, wish: Wish, request: str) -> list[Change]:
    """Do it; what the registrar answers."""
    if wish.action == "release":
        return registrar.let_pass(actor, [wish.subject], reason=wish.reason, request=request, comment=wish.comment)

    def decide(now: int) -> list[Change]:
        return registrar.carry_out(
            actor, [wish.decision(actor, now)], reason=wish.reason, request=request, comment=wish.comment
        )

    changes = decide(registrar.clock())
    stands = changes[0].entry
    # It was released in this very millisecond, or by a clock ahead of ours; whoever decides after that means it.
    return decide(stands.released_at + 1) if stands.state is State.RELEASED else changes
