"""decide: verdicts become revocations and alerts. PURE; loops only over flagged events, which are few."""

from collections import OrderedDict
from collections.abc import Iterator
from hashlib import blake2b
from typing import Literal, NamedTuple

import msgspec

from detector.batch import RefreshBatch
from detector.verdict import MEASUREMENTS, Level, Verdicts, slugs
from revocation.issuers import Issuer
from revocation.living import Living, Token, digest_at
from revocation.policy import ClientRules, Policy, Rules
from revocation.record import Revocation, Scope, State, Subject

WINDOW_MS = 15 * 60_000
"""Decisions on the same subject, level and reasons within one such window of stream time are one decision."""

Enforcement = Literal["enforced", "shadow", "unenforceable", "none"]


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """What people are told about one decision; the shell adds the names that stand in the event at `row`."""

    #: The same decision, made again, has the same id.
    id: str
    #: When the event happened, epoch milliseconds.
    at: int
    level: Level
    #: The family; the subject or the address where the event names no family.
    subject: Subject
    #: The event's row in the batch that was decided on.
    row: int
    #: The probability of theft.
    score: float
    #: Slugs, strongest signal first.
    reasons: tuple[str, ...]
    #: By name; those that were measured (not 0).
    measurements: dict[str, float]
    #: Ids of the revocations that came of it, or would have in shadow mode.
    revocations: tuple[str, ...]
    #: `none`: only watched; `shadow`: would have been enforced; `unenforceable`: no gateway can see whom to refuse.
    enforcement: Enforcement
    #: When the last of its revocations ends, epoch milliseconds; 0 where there is none.
    expires_at: int


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions as values: the shell writes `revocations` to the registry and tells people the `alerts`."""

    revocations: tuple[Revocation, ...] = ()
    alerts: tuple[Alert, ...] = ()


class Flagged(NamedTuple):
    """One flagged event."""

    row: int
    level: Level
    score: float
    reasons: tuple[str, ...]
    rules: ClientRules
    issuer: Issuer


def decide(verdicts: Verdicts, batch: RefreshBatch, rules: Rules, now: int, memory: "Memory | None" = None) -> Decision:
    """Hold each verdict against the rules of its client and issuer.

    Args:
        verdicts: on `batch`.
        batch: the n events that were judged.
        rules: the policy.
        now: epoch milliseconds; entries last from the later of this and the event, so that telemetry that comes late
            does not make entries that have ended already. A replay gives stream time.
        memory: what was decided before, and the tokens seen; a decision that is in it is left out, and new ones are
            added. Without it every decision comes, those within the batch once.

    Ids come from the events alone, so that replaying a stream decides the same again.
    """
    memory = Memory() if memory is None else memory
    revocations: list[Revocation] = []
    alerts: list[Alert] = []
    seen = 0
    for place, flagged in enumerate(_flagged(verdicts, batch, rules)):
        memory.living.see(batch, seen, flagged.row + 1, rules.life_ms)
        seen = flagged.row + 1
        subject = _subject(batch, flagged.row)
        window = int(batch.at[flagged.row]) // WINDOW_MS
        decision_id = _id("decision", subject, flagged.level.slug, *flagged.reasons, str(window))
        if not memory.add(decision_id):
            continue
        due = tuple(_revocations(flagged, batch, rules, now, memory.living)) if flagged.level > Level.WATCH else ()
        enforcement = _enforcement(flagged, due)
        if enforcement == "enforced":
            revocations.extend(due)
        alerts.append(
            Alert(
                id=decision_id,
                at=int(batch.at[flagged.row]),
                level=flagged.level,
                subject=subject,
                row=flagged.row,
                score=flagged.score,
                reasons=flagged.reasons,
                measurements=_measured(verdicts, place),
                revocations=tuple(revocation.id for revocation in due),
                enforcement=enforcement,
                expires_at=max((revocation.expires_at for revocation in due), default=0),
            )
        )
    memory.living.see(batch, seen, len(batch), rules.life_ms)
    return Decision(revocations=tuple(revocations), alerts=tuple(alerts))


class Memory:
    """What deciding remembers of a partition: the ids of its latest decisions, and hidden families' living tokens.

    As much the partition's state as the engine is: rebuilt by replaying the stream, so that it decides the same again.
    """

    def __init__(self, decisions: int = 100_000, families: int = 100_000) -> None:
        self.living = Living(families)
        self._capacity = decisions
        self._ids: OrderedDict[str, None] = OrderedDict()

    def add(self, decision_id: str) -> bool:
        """Remember a decision; whether it is new."""
        if decision_id in self._ids:
            return False
        self._ids[decision_id] = None
        if len(self._ids) > self._capacity:
            self._ids.popitem(last=False)
        return True

    def __len__(self) -> int:
        return len(self._ids)


def _flagged(verdicts: Verdicts, batch: RefreshBatch, rules: Rules) -> Iterator[Flagged]:
    unknown = Issuer(iss="")
    columns = (verdicts.row, verdicts.score, verdicts.reasons, batch.client[verdicts.row], batch.issuer[verdicts.row])
    for row, score, reasons, client, issuer in zip(*(column.tolist() for column in columns), strict=True):
        its = rules.clients.get(client, rules.default)
        level = (
            Level.REVOKE
            if score >= its.thresholds.revoke
            else Level.QUARANTINE
            if score >= its.thresholds.quarantine
            else Level.WATCH
        )
        yield Flagged(row, level, score, tuple(slugs(reasons)), its, rules.issuers.get(issuer, unknown))


def _enforcement(flagged: Flagged, due: tuple[Revocation, ...]) -> Enforcement:
    if flagged.level is Level.WATCH:
        return "none"
    if not due:
        return "unenforceable"
    return "shadow" if flagged.rules.mode == "shadow" else "enforced"


def _revocations(flagged: Flagged, batch: RefreshBatch, rules: Rules, now: int, living: Living) -> Iterator[Revocation]:
    """What a gateway of this issuer can match; see the head of `revocation.policy`."""
    row, issuer, policy = flagged.row, flagged.issuer, rules.policy
    at = int(batch.at[row])
    revoke = flagged.level is Level.REVOKE
    life = max(policy.revoke_seconds, issuer.access_token_ttl) if revoke else policy.quarantine_seconds
    for subject, not_before, ends in _targets(flagged, batch, policy, living, max(at, now) + life * 1000):
        state = State.REVOKED if revoke else State.QUARANTINED
        yield Revocation(
            id=_id("revocation", subject, state.slug, *flagged.reasons, str(at // WINDOW_MS)),
            subject=subject,
            state=state,
            reasons=flagged.reasons,
            decided_at=at,
            expires_at=ends,
            not_before=not_before,
        )


def _targets(
    flagged: Flagged, batch: RefreshBatch, policy: Policy, living: Living, ends: int
) -> Iterator[tuple[Subject, int, int]]:
    """Whom to refuse, the cut-off, and when the entry ends: a token's with the token, every other at `ends`."""
    row, visible = flagged.row, flagged.issuer.visible
    family, at = int(batch.family[row]), int(batch.at[row])
    tokens = living.of(family, at) if family else []
    if batch.access[row] and not family:
        tokens = [Token(digest_at(batch, "access", row), int(batch.access_exp[row]) or ends)]
    if family and "sid" in visible:
        yield Subject(Scope.FAMILY, digest_at(batch, "family", row)), 0, ends
    elif tokens and "jti" in visible:
        for token in tokens:
            yield Subject(Scope.TOKEN, token.digest), 0, token.expires_at
    elif batch.subject[row] and "sub" in visible and (policy.wider_reach or not family):
        yield Subject(Scope.SUBJECT, digest_at(batch, "subject", row)), at, ends


def _subject(batch: RefreshBatch, row: int) -> Subject:
    for scope, column in ((Scope.FAMILY, "family"), (Scope.SUBJECT, "subject")):
        if getattr(batch, column)[row]:
            return Subject(scope, digest_at(batch, column, row))
    return Subject(Scope.ORIGIN, digest_at(batch, "origin", row))


def _id(kind: str, subject: Subject, *words: str) -> str:
    text = "\n".join([kind, subject.scope, subject.digest.hex(), *words])
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _measured(verdicts: Verdicts, place: int) -> dict[str, float]:
    values = verdicts.measurements[place].tolist()
    return {name: round(value, 3) for name, value in zip(MEASUREMENTS, values, strict=True) if value}
