"""Judge: what one event's evidence asks for by the rules of its client, once all that excuses it is taken off. PURE.

Reasons that an allow-list names, or that a person let pass before, are excused: their signals weigh nothing, and the
score is worked out again from what is left. Whoever was revoked several times is judged by lower thresholds.
"""

from typing import Final, Literal, NamedTuple

import numpy as np

from detector.batch import RefreshBatch
from detector.config import Thresholds
from detector.verdict import Level
from revocation.allow import BITS
from revocation.flagged import REVIVED, Event, bits_by_channel, names_of
from revocation.issuers import Issuer
from revocation.living import digest_at
from revocation.recollection import Memory
from revocation.record import Scope, Subject
from revocation.releases import Basis, Trip, trip_of
from revocation.rules import NOBODY, ClientRules, Rules

NAMED: Final = BITS["reuse"] | REVIVED
"""Reasons that are told however little they weigh."""


class Judged(NamedTuple):
    """What an event asks for."""

    event: Event
    own: ClientRules
    issuer: Issuer
    #: Keys; the client's is the issuer's where the event names none.
    issuer_key: int
    client_key: int
    thresholds: Thresholds
    level: Level
    score: float
    #: Thousandths of a nat that are left.
    weights: list[int]
    #: Reason bits: those that count, and those that would have but for an excuse.
    counting: int
    excused: int
    #: Why less is done than the evidence asks for: "allowed", "muted" or "".
    spared: Literal["allowed", "muted", ""]
    #: The thresholds are lower than those of the rules.
    repeat: bool
    #: Whom the decision is about, and what is remembered of it.
    subject: Subject
    basis: Basis
    trip: Trip | None

    @property
    def is_quiet(self) -> bool:
        """Whether nobody need hear of it: too weak to be watched, or told with the incident that it is part of."""
        if self.level > Level.WATCH or self.spared:
            return False
        weak = self.score < self.thresholds.watch and not self.event.reasons & NAMED
        return weak or bool(self.event.held)


def judge(event: Event, batch: RefreshBatch, rules: Rules, memory: Memory) -> Judged:
    """Hold one event of the batch against the rules."""
    row = event.row
    issuer_key, client_key = int(batch.issuer[row]), int(batch.client[row])
    own = rules.own(client_key, issuer_key)
    subject, basis, trip = about(batch, row), basis_of(batch, event), trip_of(batch, row, event.measured("travel_km"))
    before = memory.offences.of(basis.keys, basis.family, event.at, rules.policy.repeat.days)
    repeat = before >= rules.policy.repeat.decisions
    thresholds = _lowered(own.thresholds, rules.policy.repeat.threshold_factor) if repeat else own.thresholds

    allowed = _allowed(batch, row, rules)
    excused = event.counting & (allowed | _muted(event, (subject, basis.who), trip, batch, rules, memory))
    score, weights = _without(event, excused, rules)
    level = level_of(score, thresholds)
    is_spared = level < level_of(event.score, thresholds)
    return Judged(
        event=event,
        own=own,
        issuer=rules.issuers.get(issuer_key, NOBODY),
        issuer_key=issuer_key,
        client_key=client_key or issuer_key,
        thresholds=thresholds,
        level=level,
        score=score,
        weights=weights,
        counting=event.counting & ~excused,
        excused=excused,
        spared=("allowed" if excused & allowed else "muted") if is_spared else "",
        repeat=repeat,
        subject=subject,
        basis=basis,
        trip=trip,
    )


def level_of(score: float, thresholds: Thresholds) -> Level:
    """What a score asks for; whatever is flagged is at least watched."""
    if score >= thresholds.revoke:
        return Level.REVOKE
    return Level.QUARANTINE if score >= thresholds.quarantine else Level.WATCH


def about(batch: RefreshBatch, row: int) -> Subject:
    """The family; the subject or the address where the event names no family."""
    for scope, column in ((Scope.FAMILY, "family"), (Scope.SUBJECT, "subject")):
        if getattr(batch, column)[row]:
            return Subject(scope, digest_at(batch, column, row))
    return Subject(Scope.ORIGIN, digest_at(batch, "origin", row))


def basis_of(batch: RefreshBatch, event: Event) -> Basis:
    """What is remembered of a decision on the event; a device that is only a user agent is many people's."""
    row = event.row
    who = Subject(Scope.SUBJECT, digest_at(batch, "subject", row)) if batch.subject[row] else about(batch, row)
    device = 0 if batch.device[row] == batch.agent[row] else int(batch.device[row])
    keys = (("subject", int(batch.subject[row])), ("device", device), ("origin", int(batch.origin[row])))
    return Basis(who, int(batch.family[row]), tuple((name, key) for name, key in keys if key), event.at)


def _lowered(thresholds: Thresholds, factor: float) -> Thresholds:
    quarantine = max(thresholds.watch, thresholds.quarantine * factor)
    return Thresholds(thresholds.watch, quarantine, max(quarantine, thresholds.revoke * factor))


def _allowed(batch: RefreshBatch, row: int, rules: Rules) -> int:
    bits = 0
    for allow in rules.allows:
        if allow.matches(batch, row):
            bits |= allow.reasons
    return bits


def _muted(
    event: Event, who: tuple[Subject, ...], trip: Trip | None, batch: RefreshBatch, rules: Rules, memory: Memory
) -> int:
    origin = Subject(Scope.ORIGIN, digest_at(batch, "origin", event.row))
    days = rules.policy.release.mute_days
    named = names_of(event.counting)
    return sum(BITS[name] for name in named if memory.releases.is_muted((*who, origin), name, trip, event.at, days))


def _without(event: Event, excused: int, rules: Rules) -> tuple[float, list[int]]:
    """Score and weights without the signals all of whose reasons are excused."""
    if not excused:
        return event.score, event.weights
    left = bits_by_channel(event.counting & ~excused)
    weights = [weight if bits else 0 for weight, bits in zip(event.weights, left, strict=True)]
    certain = event.counting & ~excused & REVIVED
    unweighed = event.counting & ~excused and not any(event.weights)
    if certain or unweighed:
        return event.score, weights
    return float(rules.detector.odds.score(np.array([weights], np.int64))[0]), weights
