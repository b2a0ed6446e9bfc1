"""Reach: the entries that a gateway of the issuer can match. PURE.

What a decision about a family becomes depends on what the issuer's access tokens carry: the family where `sid` is
visible, else each of its living access tokens where `jti` is, else, if the policy allows the wider reach, the subject
up to this moment, else none, and the alert says so. An address is what every gateway sees.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from detector.batch import RefreshBatch
from revocation.issuers import Issuer
from revocation.living import Living, Token, digest_at
from revocation.record import Scope, Subject


class Target(NamedTuple):
    """Whom to refuse, the cut-off, and when the entry ends, epoch milliseconds."""

    subject: Subject
    not_before: int
    ends: int


class Reach(NamedTuple):
    """What one event can be answered with; `ends` is when entries end that do not end with a token."""

    batch: RefreshBatch
    row: int
    issuer: Issuer
    living: Living
    ends: int
    #: Whether a family that nobody sees may be enforced on the whole subject.
    wider: bool

    def targets(self, scopes: Iterable[Scope]) -> list[Target]:
        """Each once, in the order of `scopes`."""
        found = {target.subject: target for scope in scopes for target in _BY_SCOPE[scope](self)}
        return list(found.values())

    def family(self) -> Iterator[Target]:
        """The family, or what stands for it; of an event without one, its token or its subject."""
        if self.batch.family[self.row] and "sid" in self.issuer.visible:
            yield Target(Subject(Scope.FAMILY, digest_at(self.batch, "family", self.row)), 0, self.ends)
        elif tokens := list(self.tokens()):
            yield from tokens
        elif self.wider or not self.batch.family[self.row]:
            yield from self.subject()

    def tokens(self) -> Iterator[Target]:
        """The family's living access tokens; of an event without a family, its own."""
        if "jti" in self.issuer.visible:
            for token in self._tokens():
                yield Target(Subject(Scope.TOKEN, token.digest), 0, token.expires_at)

    def subject(self) -> Iterator[Target]:
        """The subject's logins up to the event."""
        if self.batch.subject[self.row] and "sub" in self.issuer.visible:
            subject = Subject(Scope.SUBJECT, digest_at(self.batch, "subject", self.row))
            yield Target(subject, int(self.batch.at[self.row]), self.ends)

    def origin(self) -> Iterator[Target]:
        """The address."""
        if self.batch.origin[self.row]:
            yield Target(Subject(Scope.ORIGIN, digest_at(self.batch, "origin", self.row)), 0, self.ends)

    def _tokens(self) -> list[Token]:
        if family := int(self.batch.family[self.row]):
            return self.living.of(family, int(self.batch.at[self.row]))
        if not self.batch.access[self.row]:
            return []
        return [Token(digest_at(self.batch, "access", self.row), int(self.batch.access_exp[self.row]) or self.ends)]


_BY_SCOPE = {
    Scope.TOKEN: Reach.tokens,
    Scope.FAMILY: Reach.family,
    Scope.SUBJECT: Reach.subject,
    Scope.ORIGIN: Reach.origin,
}
