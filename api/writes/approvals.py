"""Two-person approval: what waits until another principal agrees, or ends.

    waiting ── approve ──> approving ── done ──> approved
       └────── reject ───> rejected

`approving` is written before anything is done, so that of an approval and a rejection only one comes about. A process
that ends in between leaves it there; approving it again does the rest, which is the same thing once more.
"""

import secrets
import threading
from collections.abc import Callable
from typing import Literal

import msgspec

from api.access.principal import Principal, Verb
from api.problems import Refused
from api.registrar import Registrar
from api.writes.asked import Status
from api.writes.problems import CHANGED, DECIDED, NOT_WAITING, SAME_PERSON
from api.writes.wish import Wish, carry
from revocation.pending import Document, Pending
from revocation.record import Scope

KIND = "approval"
MOST = 1_000

Action = Literal["revoke", "release", "bulk", "undo"]


class Approval(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that takes two persons."""

    id: str
    action: Action
    by: str
    at: int
    ends_at: int
    reason: str
    #: What it touches: scope and issuer.
    touched: tuple[tuple[Scope, str | None], ...]
    status: Status = "waiting"
    comment: str = ""
    wish: Wish | None = None
    bulk: str | None = None
    lines: int | None = None
    decided_by: str | None = None
    decided_at: int | None = None
    decided_because: str | None = None


class Seen(msgspec.Struct, frozen=True):
    """An approval as it was read."""

    approval: Approval
    document: Document

    @property
    def etag(self) -> str:
        """Another one after each change."""
        return f'"{self.document.version}"'


Carry = Callable[[Approval], None]
"""Does what was approved; doing it twice must be harmless."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Approval)


class Approvals:
    """Keeps what waits, and does it when somebody else agrees. `life_ms`: how long it may wait."""

    def __init__(self, pending: Pending, registrar: Registrar, life_ms: int) -> None:
        self._pending = pending
        self._registrar = registrar
        self._clock = registrar.clock
        self._life_ms = life_ms
        #: By action; whoever does something of the kind registers it.
        self.carriers: dict[str, Carry] = {"revoke": self._carry_wish, "release": self._carry_wish}
        #: Whoever is told of a rejection.
        self.rejecters: dict[str, Carry] = {}
        #: Steps that were taken here.
        self.steps = {"asked": 0, "approved": 0, "rejected": 0}
        self._counting = threading.Lock()

    def ask(
        self,
        by: Principal,
        *,
        action: Action,
        touched: tuple[tuple[Scope, str | None], ...],
        reason: str,
        comment: str = "",
        wish: Wish | None = None,
        bulk: str | None = None,
        lines: int | None = None,
    ) -> Seen:
        """Let something wait that its caller may do, but not alone.

        Raises:
            PendingFull: too much waits already.
            TrailUnavailable: nothing waits.
        """
        now = self._clock()
        approval = Approval(
            id=secrets.token_hex(16),
            action=action,
            by=by.name,
            at=now,
            ends_at=now + self._life_ms,
            reason=reason,
            touched=touched,
            comment=comment,
            wish=wish,
            bulk=bulk,
            lines=lines,
        )
        self._note(by, "ask", approval, reason)
        document = self._pending.make(KIND, approval.id, _encoder.encode(approval), approval.ends_at, now, MOST)
        if document is None:
            raise Refused(DECIDED)
        self._count("asked")
        return Seen(approval, document)

    def every(self, by: Principal) -> list[Seen]:
        """What the caller may see, the newest first."""
        seen = [_seen(document) for document in self._pending.every(KIND, self._clock())]
        shown = [one for one in seen if _sees(by, one.approval)]
        return sorted(shown, key=lambda one: one.approval.at, reverse=True)

    def read(self, by: Principal, name: str) -> Seen:
        """One of them.

        Raises:
            Refused: it is not there, or not the caller's to see.
        """
        document = self._pending.read(KIND, name, self._clock())
        if document is None or not _sees(by, (seen := _seen(document)).approval):
            raise Refused(NOT_WAITING)
        return seen

    def approve(self, by: Principal, name: str, reason: str, if_match: str | None = None) -> Seen:
        """Do what waits.

        Raises:
            Refused: it is not there, was decided already, or is the caller's own.
            Forbidden: the caller may not approve what it touches.
            TrailUnavailable: nothing was done; approve it again.
            RegistryUnavailable: it may have been done in part; approve it again.
        """
        seen = self._decidable(by, name, reason, if_match, {"waiting", "approving"})
        seen = self._decide(seen, "approving", by, reason)
        self._note(by, "approve", seen.approval, reason)
        self.carriers[seen.approval.action](seen.approval)
        seen = self._decide(seen, "approved", by, reason)
        self._count("approved")
        return seen

    def reject(self, by: Principal, name: str, reason: str, if_match: str | None = None) -> Seen:
        """Let it be. Whoever asked for it may take it back so.

        Raises:
            As `approve` does.
        """
        seen = self._decidable(by, name, reason, if_match, {"waiting"}, own=True)
        seen = self._decide(seen, "rejected", by, reason)
        self._count("rejected")
        self._note(by, "reject", seen.approval, reason)
        told = self.rejecters.get(seen.approval.action)
        if told is not None:
            told(seen.approval)
        return seen

    def _decidable(
        self,
        by: Principal,
        name: str,
        reason: str,
        if_match: str | None,
        states: set[Status],
        *,
        own: bool = False,
    ) -> Seen:
        seen = self.read(by, name)
        approval = seen.approval
        if by.name != approval.by:
            for scope, iss in approval.touched:
                self._registrar.permit(by, Verb.APPROVE, {scope}, iss, via="api", reason=reason, request=name)
        elif not own:
            self._registrar.refused(
                by, Verb.APPROVE, {scope for scope, _ in approval.touched}, None, via="api", request=name
            )
            raise Refused(SAME_PERSON)
        if if_match not in {None, "*", seen.etag}:
            raise Refused(CHANGED)
        if approval.status not in states:
            raise Refused(DECIDED)
        return seen

    def _decide(self, seen: Seen, status: Status, by: Principal, reason: str) -> Seen:
        now = self._clock()
        decided = msgspec.structs.replace(
            seen.approval, status=status, decided_by=by.name, decided_at=now, decided_because=reason
        )
        document = self._pending.change(KIND, seen.document, _encoder.encode(decided), decided.ends_at, now)
        if document is None:
            raise Refused(DECIDED)
        return Seen(decided, document)

    def _carry_wish(self, approval: Approval) -> None:
        if approval.wish is not None:
            carry(self._registrar, approval.by, approval.wish, approval.id)

    def _count(self, step: str) -> None:
        """Requests are served by several threads."""
        with self._counting:
            self.steps[step] += 1

    def _note(self, by: Principal, action: str, approval: Approval, reason: str) -> None:
        touched = ",".join(sorted({scope.value for scope, _ in approval.touched}))
        self._registrar.note(
            by.name, action, via="api", reason=reason, request=approval.id, asked=approval.action, scopes=touched
        )


def _seen(document: Document) -> Seen:
    return Seen(_decoder.decode(document.text), document)


def _sees(by: Principal, approval: Approval) -> bool:
    may = by.may(Verb.APPROVE) or by.may(Verb.READ)
    return approval.by == by.name or (may and all(by.sees(iss) for _, iss in approval.touched))
