"""The registrar: the one door by which a request changes the registry, whatever protocol it came by.

A change goes through five steps, and a crash between any two of them loses nothing that was answered:

1. The caller's rights, and a reason: without either nothing happens, and the attempt is written to the trail.
2. The trail: what is about to be done is written down durably. Where the trail does not answer, nothing is done.
3. The registry: `apply` merges, so an expiry is never shortened and repeating the call is harmless.
4. The topic `refresh.revocations` is told, so that a rebuilt registry knows it.
5. The caller is answered when this process's own replica has the change (or lags, which it says itself); the others
   hear of it by the feed.

After a crash between 2 and 3 the trail holds an act that did not come about; its caller got no answer and repeats it.
All of it blocks: routes call it in the thread pool.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress

from api.access.principal import Principal, Verb
from revocation.audit import Event, Trail
from revocation.errors import RegistryError
from revocation.feed import Entry, public
from revocation.record import Change, Revocation, Scope, Subject
from revocation.record import release as tombstone
from revocation.registry import Whole

EVENT_ENTRIES = 500
"""Entries of one event: some 150 KB, well below the megabyte that Kafka takes."""
REASON = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
"""What a reason looks like: a word that groups decisions, not a sentence, and nothing personal."""


class Forbidden(Exception):  # noqa: N818 - named after what is answered
    """The caller may not do that."""


class ReasonMissing(ValueError):  # noqa: N818 - named after what is wrong
    """A change by hand says why, in one word."""


class ApprovalNeeded(Exception):  # noqa: N818 - named after what is missing
    """A second person must agree first (`access.approval_scopes`)."""


class Registrar:
    """Changes the registry for principals. `clock` is epoch milliseconds.

    `tell` is given the changes that were made; `followed` waits, within a bound, until this process follows them. It
    must be the follower that brings them: only one thread may write to a replica, and the feed passes on what it reads.
    Scopes in `approval_scopes` are left alone by `revoke` and `release`: a second person has to agree first, and then
    `carry_out` and `let_pass` do it.
    """

    def __init__(
        self,
        registry: Whole,
        trail: Trail,
        tell: Callable[[Sequence[Change]], None],
        clock: Callable[[], int],
        digest_key: bytes,
        followed: Callable[[Sequence[Change]], object] = lambda _changes: None,
        *,
        approval_scopes: Collection[Scope] = (),
    ) -> None:
        self.registry = registry
        self.trail = trail
        self.clock = clock
        #: For whoever turns an identity into a subject.
        self.digest_key = digest_key
        self.approval_scopes = frozenset(approval_scopes)
        self._tell = tell
        self._followed = followed

    def revoke(
        self,
        by: Principal,
        decisions: Sequence[Revocation],
        *,
        iss: str | None,
        via: str = "api",
        reason: str,
        request: str = "",
        comment: str = "",
    ) -> list[Change]:
        """Apply decisions about identities of `iss` (None: known by their digests only); the entries as they stand.

        Raises:
            Forbidden: `by` may not; the attempt is in the trail.
            ReasonMissing: `reason` is no slug.
            ApprovalNeeded: a scope is among them that takes two.
            TrailUnavailable: nothing was done.
            RegistryUnavailable: it may have been done in part; asking again is safe.
        """
        scopes = {decision.subject.scope for decision in decisions}
        self.permit(by, Verb.REVOKE, scopes, iss, via=via, reason=reason, request=request)
        self._alone(scopes)
        return self.carry_out(by.name, decisions, via=via, reason=reason, request=request, comment=comment)

    def release(
        self,
        by: Principal,
        subjects: Sequence[Subject],
        *,
        iss: str | None,
        via: str = "api",
        reason: str,
        request: str = "",
        comment: str = "",
    ) -> list[Change]:
        """Let identities of `iss` pass again; the tombstones. Subjects that nobody refuses are left out.

        Raises:
            As `revoke` does.
        """
        scopes = {subject.scope for subject in subjects}
        self.permit(by, Verb.RELEASE, scopes, iss, via=via, reason=reason, request=request)
        self._alone(scopes)
        return self.let_pass(by.name, subjects, via=via, reason=reason, request=request, comment=comment)

    def carry_out(
        self,
        actor: str,
        decisions: Sequence[Revocation],
        *,
        action: str = "revoke",
        via: str = "api",
        reason: str,
        request: str = "",
        comment: str = "",
    ) -> list[Change]:
        """Steps 2 to 5 of decisions that are permitted, and approved where they must be; the entries as they stand.

        Raises:
            TrailUnavailable: nothing was done.
            RegistryUnavailable: it may have been done in part; asking again is safe.
        """
        entries = [public(entry, with_actor=True) for entry in decisions]
        self._write(actor, action, via, reason, request, comment, entries)
        return self._done(self.registry.apply(decisions, self.clock()))

    def let_pass(
        self,
        actor: str,
        subjects: Sequence[Subject],
        *,
        via: str = "api",
        reason: str,
        request: str = "",
        comment: str = "",
    ) -> list[Change]:
        """The same of releases; the tombstones, those that were there already if there is nothing else."""
        now = self.clock()
        stones = [tombstone(entry, now, actor) for entry in self.registry.find(subjects, now) if entry is not None]
        if not stones:
            # Released before: said again, so that whoever could not be told then is told now.
            return self._done(self.registry.release(subjects, now, actor))
        self._write(
            actor, "release", via, reason, request, comment, [public(stone, with_actor=True) for stone in stones]
        )
        # As they stand in the trail: a decision that comes in between is not released with them.
        return self._done(self.registry.apply(stones, now))

    def needs_approval(self, scopes: Collection[Scope]) -> bool:
        """Whether a change of such scopes takes two persons."""
        return not self.approval_scopes.isdisjoint(scopes)

    def permit(
        self,
        by: Principal,
        verb: Verb,
        scopes: Collection[Scope],
        iss: str | None,
        *,
        via: str,
        reason: str,
        request: str = "",
    ) -> None:
        """Step 1 alone, for whoever stores what is to be done later.

        Raises:
            Forbidden: `by` may not; the attempt is in the trail.
            ReasonMissing: `reason` is no slug.
        """
        if REASON.fullmatch(reason) is None:
            raise ReasonMissing("A change by hand needs a reason: one word of a-z, 0-9, and . _ -, at most 64.")
        if not by.may(verb) or not all(by.may_touch(scope, iss) for scope in scopes):
            self.refused(by, verb, scopes, iss, via=via, reason=reason, request=request)
            raise Forbidden("The caller may not do that to these scopes of this issuer.")

    def refused(
        self,
        by: Principal,
        verb: Verb,
        scopes: Collection[Scope],
        iss: str | None,
        *,
        via: str,
        reason: str = "",
        request: str = "",
    ) -> None:
        """Write down that somebody tried what he may not; best effort, as nothing depends on it."""
        details = {"verb": verb.value, "scopes": ",".join(sorted(scopes)), "iss": iss or ""}
        event = Event(
            at=self.clock(), actor=by.name, via=via, action="refused", reason=reason, request=request, details=details
        )
        with suppress(RegistryError):
            self.trail.write([event])

    def note(self, by: str, action: str, *, via: str, reason: str = "", request: str = "", **details: str) -> None:
        """Write an act that changes no entry to the trail: an approval, a draft, its end.

        Raises:
            TrailUnavailable: nothing was written.
        """
        self.trail.write(
            [Event(at=self.clock(), actor=by, via=via, action=action, reason=reason, request=request, details=details)]
        )

    def _alone(self, scopes: Collection[Scope]) -> None:
        if self.needs_approval(scopes):
            raise ApprovalNeeded("A second person must approve this.")

    def _write(
        self, actor: str, action: str, via: str, reason: str, request: str, comment: str, entries: Sequence[Entry]
    ) -> None:
        at, details = self.clock(), {"comment": comment} if comment else {}
        self.trail.write(
            [
                Event(
                    at=at,
                    actor=actor,
                    via=via,
                    action=action,
                    reason=reason,
                    request=request,
                    entries=some,
                    details=details,
                )
                for some in _some(entries)
            ]
        )

    def _done(self, changes: list[Change]) -> list[Change]:
        self._tell(changes)
        self._followed(changes)
        return changes


def _some(entries: Sequence[Entry]) -> Iterator[tuple[Entry, ...]]:
    return (tuple(entries[start : start + EVENT_ENTRIES]) for start in range(0, len(entries), EVENT_ENTRIES))
