"""The office: what callers do with bulks. It blocks; routes call it in the thread pool."""

import secrets
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from api.access.principal import Principal, Verb
from api.bulk import chunks
from api.bulk.asked import BulkAsked, DryRunShown, TallyShown, faults_shown
from api.bulk.draft import CHUNK, LIFE_MS, PART_LINES, Bulk, Part
from api.bulk.lines import Read, read_part
from api.bulk.runner import Runner
from api.bulk.store import Bulks, Seen
from api.problems import BAD_REQUEST, FORBIDDEN, Refused
from api.registrar import Registrar
from api.writes.approvals import Approval, Approvals
from api.writes.problems import CHANGED, DECIDED, NOT_WAITING
from api.writes.terms import Terms
from revocation.record import Scope, State, Subject

ATTEMPTS = 10
"""Of a change that others are faster with: parts may come side by side."""


class Office:
    """Drafts, dry runs, submissions, undoing. Bulks of `approval_lines` or more identities take two persons."""

    def __init__(
        self,
        registrar: Registrar,
        approvals: Approvals,
        bulks: Bulks,
        runner: Runner,
        terms: Callable[[], Terms],
        approval_lines: int,
    ) -> None:
        self.runner = runner
        self._registrar = registrar
        self._approvals = approvals
        self._bulks = bulks
        self._terms = terms
        self._approval_lines = approval_lines
        self._clock = registrar.clock
        approvals.carriers |= {"bulk": self._approved, "undo": self._undo_approved}
        approvals.rejecters["bulk"] = self._rejected

    def draft(self, by: Principal, asked: BulkAsked, found: Sequence[Subject] | None) -> Seen:
        """Begin one; `found` is what its filter found.

        Raises:
            Forbidden: the caller may not.
            PendingFull: there are too many.
            TrailUnavailable: there is none.
        """
        now, state = self._clock(), State[asked.state.upper()]
        scopes = set() if found is None else {subject.scope for subject in found}
        self._registrar.permit(by, _verb(asked.action), scopes, None, via="bulk", reason=asked.reason)
        bulk = Bulk(
            id=secrets.token_hex(16),
            by=by.name,
            at=now,
            ends_at=now + LIFE_MS,
            action=asked.action,
            reason=asked.reason,
            comment=asked.comment,
            state=state,
            # Held against its issuers when it is submitted.
            ttl_ms=0 if asked.ttl_s is None else asked.ttl_s * 1000,
        )
        filters = {} if asked.filter is None else {"filter": asked.filter.model_dump_json(exclude_none=True)}
        self._registrar.note(by.name, "draft", via="bulk", reason=bulk.reason, request=bulk.id, **filters)
        seen = self._bulks.make(bulk, now)
        for number, start in enumerate(range(0, len(found or ()), PART_LINES)):
            some = (found or ())[start : start + PART_LINES]
            touched: set[tuple[Scope, str | None]] = {(subject.scope, None) for subject in some}
            seen = self._add(seen, Read(Part(number, len(some)), tuple(some), touched))
        return seen

    def add_part(self, by: Principal, name: str, number: int, text: bytes) -> Part:
        """Read lines, and keep whom they name; the same part, sent again, takes the place of the first.

        Raises:
            Refused: the bulk is no draft of the caller's, or would be too large.
            Forbidden: the caller may not do that to all whom the part names.
        """
        seen = self._own(by, name, {"draft"})
        try:
            read = read_part(number, text, self._registrar.digest_key)
        except ValueError as error:
            raise Refused(BAD_REQUEST, errors=[{"detail": str(error)}]) from None
        self._permit(by, _verb(seen.bulk.action), seen.bulk, read.touched)
        self._add(seen, read)
        return read.part

    def every(self, by: Principal) -> list[Seen]:
        """What the caller may see, the newest first."""
        shown = [seen for seen in self._bulks.every(self._clock()) if _sees(by, seen.bulk)]
        return sorted(shown, key=lambda seen: seen.bulk.at, reverse=True)

    def read(self, by: Principal, name: str) -> Seen:
        """One of them.

        Raises:
            Refused: it is not there, or not the caller's to see.
        """
        seen = self._bulks.read(name, self._clock())
        if seen is None or not _sees(by, seen.bulk):
            raise Refused(NOT_WAITING)
        return seen

    def dry_run(self, by: Principal, name: str) -> DryRunShown:
        """What it would do now.

        Raises:
            Refused: as `read` does.
        """
        bulk = self.read(by, name).bulk
        hit: Counter[Scope] = Counter()
        already: Counter[Scope] = Counter()
        for line in bulk.chunks():
            subjects = self._bulks.chunk(bulk, line, self._clock())
            for subject, entry in zip(subjects, self._registrar.registry.find(subjects, self._clock()), strict=True):
                (hit if chunks.counts(entry, bulk) else already)[subject.scope] += 1
        scopes = {scope.value: TallyShown(hit=hit[scope], already=already[scope]) for scope in sorted(bulk.scopes)}
        return DryRunShown(
            lines=bulk.lines,
            unusable=bulk.unusable,
            faults=faults_shown(bulk.faults),
            hit=hit.total(),
            already=already.total(),
            scopes=scopes,
            needs_approval=self._takes_two(bulk),
        )

    def submit(self, by: Principal, name: str, if_match: str | None = None) -> Seen:
        """Let it be carried out, at once or when a second person agrees.

        Raises:
            Refused: it is no draft of the caller's, is empty, or has changed since it was read.
            Forbidden: the caller may not any more.
        """
        seen = self._own(by, name, {"draft"})
        if if_match not in {None, "*", seen.etag}:
            raise Refused(CHANGED)
        bulk = seen.bulk
        if not bulk.lines:
            raise Refused(BAD_REQUEST, errors=[{"detail": "The bulk names nobody."}])
        self._permit(by, _verb(bulk.action), bulk, set(bulk.touched))
        terms, asked_s = self._terms(), bulk.ttl_ms // 1000 or None
        bulk = msgspec.structs.replace(
            bulk, ttl_ms=max(terms.span_ms(asked_s, bulk.state, iss) for _, iss in bulk.touched)
        )
        if not self._takes_two(bulk):
            self._registrar.note(by.name, "submit", via="bulk", reason=bulk.reason, request=bulk.id)
            return self._begin(seen, bulk)
        asked = self._approvals.ask(
            by,
            action="bulk",
            touched=bulk.touched,
            reason=bulk.reason,
            comment=bulk.comment,
            bulk=bulk.id,
            lines=bulk.lines,
        )
        return self._change(seen, msgspec.structs.replace(bulk, stage="waiting", approval=asked.approval.id))

    def undo(self, by: Principal, name: str, reason: str) -> Seen:
        """Undo what was carried out of it, or may be under way; of some scopes when a second person agrees.

        Raises:
            Refused: nothing of it was carried out, or it is being undone.
            Forbidden: the caller may not do that to all whom it names.
        """
        seen = self.read(by, name)
        bulk = seen.bulk
        self._permit(by, _opposite(bulk), bulk, set(bulk.touched), reason=reason)
        if bulk.stage not in {"running", "done"}:
            raise Refused(DECIDED)
        if self._registrar.needs_approval(bulk.scopes):
            asked = self._approvals.ask(
                by, action="undo", touched=bulk.touched, reason=reason, bulk=bulk.id, lines=bulk.done
            )
            return self._change(seen, msgspec.structs.replace(bulk, approval=asked.approval.id))
        self._registrar.note(by.name, "undo", via="bulk", reason=reason, request=bulk.id)
        return self._turn_back(seen, by.name, reason)

    def _approved(self, approval: Approval) -> None:
        seen = self._bulks.read(approval.bulk or "", self._clock())
        if seen is None:
            raise Refused(NOT_WAITING)
        if seen.bulk.stage == "waiting":
            self._begin(seen, seen.bulk)

    def _undo_approved(self, approval: Approval) -> None:
        seen = self._bulks.read(approval.bulk or "", self._clock())
        if seen is None:
            raise Refused(NOT_WAITING)
        if seen.bulk.stage in {"running", "done"}:
            self._turn_back(seen, approval.by, approval.reason)

    def _rejected(self, approval: Approval) -> None:
        seen = self._bulks.read(approval.bulk or "", self._clock())
        if seen is not None and seen.bulk.stage == "waiting":
            self._change(seen, msgspec.structs.replace(seen.bulk, stage="draft", approval=None))

    def _begin(self, seen: Seen, bulk: Bulk) -> Seen:
        begun = self._change(seen, msgspec.structs.replace(bulk, stage="running", decided_at=self._clock()))
        self.runner.wake()
        return begun

    def _turn_back(self, seen: Seen, by: str, reason: str) -> Seen:
        bulk = seen.bulk
        # One chunk may be under way in some process, which will find that it has lost its lease.
        ahead = CHUNK if bulk.stage == "running" else 0
        starts = [*bulk.chunks(), bulk.lines]
        until = min(start for start in starts if start >= min(bulk.lines, bulk.done + ahead))
        turned = self._change(
            seen,
            msgspec.structs.replace(
                bulk,
                stage="undoing",
                done=until,
                undone_by=by,
                undone_because=reason,
                finished_at=0,
                leased_by="",
                leased_until=0,
            ),
        )
        self.runner.wake()
        return turned

    def _add(self, seen: Seen, read: Read) -> Seen:
        for _ in range(ATTEMPTS):
            try:
                grown = seen.bulk.with_part(read.part, read.touched)
            except ValueError as error:
                raise Refused(BAD_REQUEST, errors=[{"detail": str(error)}]) from None
            self._bulks.put_lines(seen.bulk, read.part.number, read.subjects, self._clock())
            changed = self._bulks.change(seen, grown, self._clock())
            if changed is not None:
                return changed
            again = self._bulks.read(seen.bulk.id, self._clock())
            if again is None or again.bulk.stage != "draft":
                break
            seen = again
        raise Refused(DECIDED)

    def _change(self, seen: Seen, bulk: Bulk) -> Seen:
        changed = self._bulks.change(seen, bulk, self._clock())
        if changed is None:
            raise Refused(DECIDED)
        return changed

    def _own(self, by: Principal, name: str, stages: set[str]) -> Seen:
        seen = self.read(by, name)
        if seen.bulk.by != by.name:
            raise Refused(FORBIDDEN)
        if seen.bulk.stage not in stages:
            raise Refused(DECIDED)
        return seen

    def _permit(
        self,
        by: Principal,
        verb: Verb,
        bulk: Bulk,
        touched: set[tuple[Scope, str | None]],
        reason: str | None = None,
    ) -> None:
        for scope, iss in sorted(touched, key=str):
            self._registrar.permit(by, verb, {scope}, iss, via="bulk", reason=reason or bulk.reason, request=bulk.id)

    def _takes_two(self, bulk: Bulk) -> bool:
        return bulk.lines >= self._approval_lines > 0 or self._registrar.needs_approval(bulk.scopes)


def _verb(action: str) -> Verb:
    return Verb.REVOKE if action == "revoke" else Verb.RELEASE


def _opposite(bulk: Bulk) -> Verb:
    return Verb.RELEASE if bulk.action == "revoke" else Verb.REVOKE


def _sees(by: Principal, bulk: Bulk) -> bool:
    may = by.may(Verb.APPROVE) or by.may(Verb.READ)
    return bulk.by == by.name or (may and all(by.sees(iss) for _, iss in bulk.touched))
