"""The desk: takes what a caller asks for, and does it or lets it wait for a second person."""

from collections.abc import Callable

from api.access.principal import Principal, Verb
from api.problems import Refused
from api.registrar import Registrar
from api.writes.approvals import Approvals
from api.writes.asked import ReleaseAsked, RevocationAsked
from api.writes.once import Answered
from api.writes.problems import CHANGED, NO_ENTRY
from api.writes.shown import NO_STORE, approval_answer, entry_answer, etag_of
from api.writes.terms import Terms
from api.writes.wish import Wish, carry
from revocation.claims import Claims
from revocation.naming import subject_of
from revocation.record import Revocation, Scope, State, Subject


class Desk:
    """Blocks; routes call it in the thread pool. `terms` is asked each time, as the policy's file may have changed."""

    def __init__(
        self,
        registrar: Registrar,
        approvals: Approvals,
        terms: Callable[[], Terms],
        remember: Callable[[Subject, Claims, int], None] = lambda _subject, _claims, _ms: None,
    ) -> None:
        """`remember` is told whose digest it is that will be revoked, and how long that is of use, milliseconds."""
        self.registrar = registrar
        self._remember = remember
        self.approvals = approvals
        self._terms = terms

    def revoke(self, by: Principal, asked: RevocationAsked) -> Answered:
        """Refuse an identity: 201 with a new entry, 200 with the one that stands already, 202 where it takes two.

        Raises:
            Misnamed: nobody is named, or several.
            As `Registrar.revoke` does otherwise.
        """
        subject = subject_of(asked.named, self.registrar.digest_key)
        state, iss = State[asked.state.upper()], _owner(asked.iss, subject)
        wish = Wish(
            action="revoke",
            scope=subject.scope,
            digest=subject.digest.hex(),
            iss=iss,
            reason=asked.reason,
            comment=asked.comment,
            state=state,
            ttl_ms=self._terms().span_ms(asked.ttl_s, state, iss),
            not_before=asked.not_before,
        )
        waiting = self._permitted(by, Verb.REVOKE, wish)
        self._remember(subject, asked.named.claims, wish.ttl_ms)
        if waiting is not None:
            return waiting
        known = self._find(subject)
        stands = carry(self.registrar, by.name, wish, "")[0].entry
        return entry_answer(stands, 201 if known is None else 200)

    def release(self, by: Principal, asked: ReleaseAsked) -> Answered:
        """Let an identity pass again: 204, or 202 where it takes two.

        Raises:
            Refused: nobody refuses it.
            As `revoke` does otherwise.
        """
        subject = subject_of(asked.named, self.registrar.digest_key)
        return self._release(by, subject, _owner(asked.iss, subject), asked.reason, asked.comment)

    def release_entry(
        self, by: Principal, subject: Subject, reason: str, comment: str = "", if_match: str | None = None
    ) -> Answered:
        """The same of an entry as lists show it; with `if_match` only as it was shown.

        Raises:
            Refused: nobody refuses it, or it has changed.
        """
        self.registrar.permit(by, Verb.RELEASE, {subject.scope}, None, via="api", reason=reason)
        entry = self._find(subject)
        if entry is not None and if_match not in {None, "*", etag_of(entry)}:
            raise Refused(CHANGED)
        return self._release(by, subject, None, reason, comment)

    def entry(self, subject: Subject) -> Answered:
        """One entry.

        Raises:
            Refused: there is none.
        """
        entry = self._find(subject)
        if entry is None:
            raise Refused(NO_ENTRY)
        return entry_answer(entry, 200)

    def _release(self, by: Principal, subject: Subject, iss: str | None, reason: str, comment: str) -> Answered:
        wish = Wish(
            action="release",
            scope=subject.scope,
            digest=subject.digest.hex(),
            iss=iss,
            reason=reason,
            comment=comment,
        )
        waiting = self._permitted(by, Verb.RELEASE, wish)
        if waiting is not None:
            return waiting
        if not carry(self.registrar, by.name, wish, ""):
            raise Refused(NO_ENTRY)
        return Answered(204, b"", NO_STORE)

    def _permitted(self, by: Principal, verb: Verb, wish: Wish) -> Answered | None:
        """None: it may be done at once; else the answer about what waits."""
        scopes = {wish.scope}
        self.registrar.permit(by, verb, scopes, wish.iss, via="api", reason=wish.reason)
        if not self.registrar.needs_approval(scopes):
            return None
        seen = self.approvals.ask(
            by,
            action=wish.action,
            touched=((wish.scope, wish.iss),),
            reason=wish.reason,
            comment=wish.comment,
            wish=wish,
        )
        return approval_answer(seen, 202)

    def _find(self, subject: Subject) -> Revocation | None:
        return self.registrar.registry.find([subject], self.registrar.clock())[0]


def _owner(iss: str | None, subject: Subject) -> str | None:
    """Whose the identity is; an address is nobody's."""
    return None if subject.scope is Scope.ORIGIN else iss
