"""decide: verdicts become revocations and alerts. PURE; loops only over flagged events, which are few.

Of each event: an incident is told where evidence begins to be held for a whole population; the evidence that is left is
judged by the client's rules; a revocation beyond the blast radius becomes a quarantine, and a person is paged; entries
are made that a gateway can match. What was told already is not told again, its entries are renewed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from detector.batch import RefreshBatch
from detector.verdict import CHANNELS, MEASUREMENTS, Level, Verdicts
from revocation.alert import Alert, Decision, Enforcement
from revocation.cause import SYSTEMIC, cause_of, cause_of_incident
from revocation.flagged import REVIVED, Event, flagged, names_of
from revocation.judge import Judged, judge
from revocation.limits import HOUR_MS
from revocation.reach import Reach
from revocation.recollection import RENEW_MS, Memory
from revocation.record import Revocation, Scope, State, Subject
from revocation.rules import Rules

__all__ = ["Alert", "Decision", "Memory", "decide"]

WINDOW_MS = 15 * 60_000
"""Decisions on the same subject, level and reasons within one such window of stream time are one decision."""


def decide(verdicts: Verdicts, batch: RefreshBatch, rules: Rules, now: int, memory: Memory | None = None) -> Decision:
    """Hold each verdict against the rules of its client and issuer.

    Args:
        verdicts: on `batch`.
        batch: the n events that were judged.
        rules: the policy.
        now: epoch milliseconds; entries last from the later of this and the event, so that telemetry that comes late
            does not make entries that have ended already. A replay gives stream time.
        memory: what was decided before; a decision that is in it is left out, and new ones are added. Without it every
            decision comes, those within the batch once.

    Ids come from the events alone, so that replaying a stream decides the same again.
    """
    docket = Docket(batch, rules, now, Memory() if memory is None else memory)
    seen = 0
    for event in flagged(verdicts, batch, docket.memory.revoked):
        docket.memory.living.see(batch, seen, event.row + 1, rules.life_ms)
        seen = event.row + 1
        docket.take(event)
    docket.memory.living.see(batch, seen, len(batch), rules.life_ms)
    return Decision(revocations=tuple(docket.revocations), alerts=tuple(docket.alerts))


@dataclass(slots=True)
class Docket:
    """The decisions on one batch, as they are made."""

    batch: RefreshBatch
    rules: Rules
    now: int
    memory: Memory
    revocations: list[Revocation] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Decide on the next event."""
        judged = judge(event, self.batch, self.rules, self.memory)
        if event.held:
            self._incidents(judged)
        if judged.is_quiet:
            return
        if self._is_too_much(judged):
            self._page(judged)
            self._settle(judged._replace(level=Level.QUARANTINE), limited=True)
        else:
            self._settle(judged)

    def _settle(self, judged: Judged, *, limited: bool = False) -> None:
        """Tell a decision and make its entries; of one that was told already, renew them."""
        event, decision_id = judged.event, _decision_id(judged)
        is_new = self.memory.add(decision_id, event.at)
        renews = not is_new and self.memory.renew(decision_id, event.at, 0 if event.reasons & REVIVED else RENEW_MS)
        if not (is_new or renews or judged.trip):
            return
        entries = tuple(self._entries(judged)) if judged.level > Level.WATCH else ()
        enforcement = _enforcement(judged, entries)
        alert = self._alert(judged, decision_id, entries=entries, enforcement=enforcement, limited=limited)
        self.memory.decided(alert, judged.basis, judged.trip, event.at + self._life_ms(judged))
        if is_new:
            self.alerts.append(alert)
        if enforcement == "enforced" and (is_new or renews):
            self.revocations.extend(entries)

    def _is_too_much(self, judged: Judged) -> bool:
        """Whether this would be one revocation more than may be without a person; else it is counted."""
        at, family = judged.event.at, judged.basis.family
        is_known = self.memory.knows(_decision_id(judged)) or self.memory.revoked.holds(family, at)
        if judged.level is not Level.REVOKE or is_known:
            return False
        own, active = judged.own, judged.event.measured("client_families")
        per_hour = max(self.rules.policy.blast_radius.least, int(own.blast_share * active)) if active else None
        return not self.memory.blast.spend(judged.client_key, at, own.blast_per_minute, per_hour)

    def _page(self, judged: Judged) -> None:
        """One page for each client and window."""
        client = _of_key(Scope.CLIENT, judged.client_key)
        page_id = _id("page", client, str(judged.event.at // WINDOW_MS))
        if self.memory.add(page_id, judged.event.at):
            page = judged._replace(subject=client, level=Level.QUARANTINE)
            self.alerts.append(self._alert(page, page_id, kind="page", limited=True))

    def _incidents(self, judged: Judged) -> None:
        """One incident for each cause and issuer, for as long as its evidence is held; in every partition the same."""
        event, hold_ms = judged.event, self.rules.detector.systemic.hold_ms
        issuer = _of_key(Scope.ISSUER, judged.issuer_key)
        for cause in (reason for reason in SYSTEMIC if reason & event.held):
            if not self.memory.incidents.begins(cause, judged.issuer_key, event.at, hold_ms, marked=event.segment > 0):
                continue
            incident_id = _id("incident", issuer, cause.slug, str(event.at // HOUR_MS))
            if self.memory.add(incident_id, event.at):
                told = judged._replace(subject=issuer, level=Level.WATCH, event=event._replace(reasons=int(cause)))
                why = cause_of_incident(cause, event.segment, event.reasons)
                alert = self._alert(told, incident_id, kind="incident", cause=why, segment=event.segment)
                self.alerts.append(alert)

    def _alert(self, judged: Judged, alert_id: str, **members: Any) -> Alert:
        event = judged.event
        usual: dict[str, Any] = {
            "level": judged.level,
            "subject": judged.subject,
            "cause": cause_of(judged.counting or event.counting),
            "excused": names_of(judged.excused),
            "repeat": judged.repeat,
        }
        return Alert(
            id=alert_id,
            at=event.at,
            row=event.row,
            score=judged.score,
            reasons=names_of(event.reasons),
            measurements=_named(MEASUREMENTS, event.measurements),
            grades={channel: grade for channel, grade in zip(CHANNELS, event.grades, strict=True) if grade},
            weights=_named(CHANNELS, [weight / 1000 for weight in judged.weights]),
            odds=self.rules.odds,
            config=self.rules.config,
            thresholds={name: getattr(judged.thresholds, name) for name in ("watch", "quarantine", "revoke")},
            **usual | members,
        )

    def _entries(self, judged: Judged) -> Iterator[Revocation]:
        """What a gateway of this issuer can match, for each scope that the counting reasons act on."""
        event, reasons = judged.event, names_of(judged.event.reasons)
        state = State.REVOKED if judged.level is Level.REVOKE else State.QUARANTINED
        ends = max(event.at, self.now) + self._life_ms(judged)
        wider = self.rules.policy.wider_reach
        reach = Reach(self.batch, event.row, judged.issuer, self.memory.living, ends, wider)
        scopes = [scope for bit, acts_on in self.rules.scopes.items() if bit & judged.counting for scope in acts_on]
        for target in reach.targets(dict.fromkeys(scopes)):
            yield Revocation(
                id=_id("revocation", target.subject, state.slug, *reasons, str(event.at // WINDOW_MS)),
                subject=target.subject,
                state=state,
                reasons=reasons,
                decided_at=event.at,
                expires_at=target.ends,
                not_before=target.not_before,
            )

    def _life_ms(self, judged: Judged) -> int:
        """The longest life of a token that an entry can hit; of a quarantine, until the person is asked again."""
        policy = self.rules.policy
        is_revoked = judged.level is Level.REVOKE
        seconds = max(policy.revoke_seconds, judged.issuer.access_token_ttl)
        life = seconds if is_revoked else policy.quarantine_seconds
        return life * 1000 * (policy.repeat.life_factor if judged.repeat else 1)


def _enforcement(judged: Judged, entries: tuple[Revocation, ...]) -> Enforcement:
    if judged.level is Level.WATCH:
        return judged.spared or "none"
    if not entries:
        return "unenforceable"
    return "shadow" if judged.own.mode == "shadow" else "enforced"


def _decision_id(judged: Judged) -> str:
    reasons = names_of(judged.event.reasons)
    return _id("decision", judged.subject, judged.level.slug, *reasons, str(judged.event.at // WINDOW_MS))


def _id(kind: str, subject: Subject, *words: str) -> str:
    text = "\n".join([kind, subject.scope, subject.digest.hex(), *words])
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _of_key(scope: Scope, key: int) -> Subject:
    """The subject of a key of which batches have no other half."""
    return Subject(scope, key.to_bytes(8, "big") + bytes(8))


def _named(names: tuple[str, ...], values: list[float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in zip(names, values, strict=True) if value}
