"""condemn: verdicts on origins become revocations and alerts. PURE; loops only over what is flagged or condemned.

What follows from evidence that asks for a quarantine depends on the kind of the origin:

- an *address* is what a gateway sees: it is quarantined, so that whoever comes from there has to sign in again;
- a *network* has honest users, all of its customers: people are told of it, and nothing else happens;
- a *kin* (one program of one client) has some, too, so it is not refused itself. It is condemned for as long as a
  quarantine lasts: meanwhile each session that it refreshes with success, at an address where that session was never
  seen, is quarantined. What a thief with many tokens gets hold of is of no use then, and an honest person who uses the
  same program signs in once more.

Nothing here revokes: where somebody stands is no proof of what they hold. All of it is decided by `decide`, so that
whatever the policy says of modes, thresholds and releases holds here as well.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from detector.batch import Outcome, RefreshBatch
from detector.tallies import OriginKind, Tallies
from detector.verdict import Level, Reason, Verdicts
from revocation.alert import Decision
from revocation.decide import decide
from revocation.policy import Rules
from revocation.recollection import Memory
from revocation.record import Scope

Origin = tuple[int, int]
"""`OriginKind` and the origin's key."""


class Ban(NamedTuple):
    """A condemned network or kin; the evidence stands for the sessions that it reaches, too."""

    #: Until when, stream time in epoch milliseconds.
    until: int
    score: float
    #: `Reason` bits.
    reasons: int
    measurements: NDArray[np.float32]


class OriginMemory:
    """What condemning remembers of a partition: decisions that were made, and the latest condemned origins."""

    def __init__(self, origins: int = 10_000, decisions: int = 100_000) -> None:
        self.decisions = Memory(decisions)
        self._capacity = origins
        self._bans: OrderedDict[Origin, Ban] = OrderedDict()

    def condemn(self, origin: Origin, ban: Ban) -> None:
        """It is condemned until then, or longer where it was already."""
        before = self._bans.pop(origin, ban)
        self._bans[origin] = ban if ban.until >= before.until else before
        if len(self._bans) > self._capacity:
            self._bans.popitem(last=False)

    def ban(self, origin: Origin, at: int) -> Ban | None:
        """What the origin is condemned by at `at`."""
        ban = self._bans.get(origin)
        return ban if ban is not None and at <= ban.until else None

    def keys(self) -> list[int]:
        """The keys of all that are remembered."""
        return [key for _, key in self._bans]


def condemn(
    verdicts: Verdicts, tallies: Tallies, rules: Rules, now: int, memory: OriginMemory | None = None
) -> Decision:
    """Hold each verdict on an origin against the rules, and see who comes through condemned ones.

    Args:
        verdicts: on `tallies`.
        tallies: the n rows that were judged.
        rules: the policy.
        now: epoch milliseconds; entries last from the later of this and the event. A replay gives stream time.
        memory: what was decided and condemned before; new ones are added.

    Ids come from the events alone, so that replaying a stream decides the same again. `row` of an alert counts tallies.
    """
    memory = OriginMemory() if memory is None else memory
    reached = list(_reached(verdicts, tallies, rules, memory))
    is_address = tallies.kind[verdicts.row] == OriginKind.ADDRESS
    parts = [
        _decided(found, batch_of(tallies.take(found.row)), _acting_on(rules, scopes), now, memory.decisions)
        for found, batch_of, scopes in (
            (_only(verdicts, is_address), addresses_of, (Scope.ORIGIN,)),
            (_only(verdicts, ~is_address), _others, ()),
            (_reaching(reached), sessions_of, (Scope.FAMILY,)),
        )
    ]
    return Decision(
        revocations=tuple(entry for part in parts for entry in part.revocations),
        alerts=tuple(sorted((alert for part in parts for alert in part.alerts), key=lambda alert: alert.row)),
    )


def _decided(found: Verdicts, batch: RefreshBatch, rules: Rules, now: int, memory: Memory) -> Decision:
    """Decide on m verdicts of which each has its own row in `batch` (m,); the alerts' rows are the verdicts'."""
    capped = [_capped(score, rules, client) for score, client in zip(found.score, batch.client.tolist(), strict=True)]
    count = np.arange(len(found), dtype=np.int64)
    decision = decide(replace(found, row=count, score=np.array(capped, np.float64)), batch, rules, now, memory)
    alerts = (msgspec.structs.replace(alert, row=int(found.row[alert.row])) for alert in decision.alerts)
    return Decision(revocations=decision.revocations, alerts=tuple(alerts))


def _capped(score: float, rules: Rules, client: int) -> float:
    """The score, or the largest that does not revoke."""
    thresholds = rules.clients.get(client, rules.default).thresholds
    return min(float(score), float(np.nextafter(thresholds.revoke, 0)))


def _acting_on(rules: Rules, scopes: tuple[Scope, ...]) -> Rules:
    """The same rules, where every reason acts on these scopes."""
    return msgspec.structs.replace(rules, scopes=dict.fromkeys(Reason, scopes))


def addresses_of(part: Tallies) -> RefreshBatch:
    """The rows as events that name nothing but their address."""
    return RefreshBatch.of(at=part.at, origin=part.address, origin_low=part.address_low)


def _others(part: Tallies) -> RefreshBatch:
    """The rows as events of their network or kin, named by its key and kind; a kin is of one issuer and client."""
    is_kin = part.kind == OriginKind.KIN
    return RefreshBatch.of(
        at=part.at,
        issuer=np.where(is_kin, part.issuer, 0),
        client=np.where(is_kin, part.client, 0),
        origin=part.origin,
        origin_low=part.kind,
    )


def sessions_of(part: Tallies) -> RefreshBatch:
    """The rows as events of their sessions."""
    return RefreshBatch.of(
        at=part.at,
        issuer=part.issuer,
        client=part.client,
        subject=part.subject,
        subject_low=part.subject_low,
        family=part.family,
        family_low=part.family_low,
        origin=part.address,
        origin_low=part.address_low,
    )


def _only(verdicts: Verdicts, chosen: NDArray[np.bool_]) -> Verdicts:
    return Verdicts(**{column.name: getattr(verdicts, column.name)[chosen] for column in fields(verdicts)})


def _reaching(reached: Sequence[tuple[int, Ban]]) -> Verdicts:
    """The evidence against condemned origins as evidence on the rows that they reach."""
    blank = Verdicts.blank(len(reached))
    return replace(
        blank,
        row=np.array([row for row, _ in reached], np.int64),
        level=np.full(len(reached), Level.QUARANTINE, np.uint8),
        score=np.array([ban.score for _, ban in reached], np.float64),
        reasons=np.array([ban.reasons for _, ban in reached], np.uint64),
        measurements=np.array([ban.measurements for _, ban in reached], np.float32).reshape(blank.measurements.shape),
    )


def _reached(verdicts: Verdicts, tallies: Tallies, rules: Rules, memory: OriginMemory) -> Iterator[tuple[int, Ban]]:
    """Condemn networks and kins, and find the rows that pass through condemned ones, in the order of the rows."""
    place_of = {row: place for place, row in enumerate(verdicts.row.tolist()) if _asks(verdicts, place, rules)}
    passing = _passing(tallies, [*memory.keys(), *tallies.origin[verdicts.row].tolist()])
    for row in sorted(place_of.keys() | passing):
        origin, at = (int(tallies.kind[row]), int(tallies.origin[row])), int(tallies.at[row])
        if row in place_of:
            place = place_of[row]
            until = at + rules.policy.quarantine_seconds * 1000
            score, reasons = float(verdicts.score[place]), int(verdicts.reasons[place])
            memory.condemn(origin, Ban(until, score, reasons, verdicts.measurements[place].copy()))
        ban = memory.ban(origin, at)
        if row in passing and ban is not None:
            yield row, ban


def _asks(verdicts: Verdicts, place: int, rules: Rules) -> bool:
    """Whether the evidence asks for a quarantine."""
    return bool(verdicts.score[place] >= rules.default.thresholds.quarantine)


def _passing(tallies: Tallies, suspects: list[int]) -> set[int]:
    """Rows of sessions that were refreshed through an origin that may be condemned, where they had never been."""
    if not suspects:
        return set()
    first = tallies.contact & tallies.stranger
    passes = (tallies.kind == OriginKind.KIN) & (tallies.refused == Outcome.SUCCESS) & first
    named = (tallies.family != 0) | (tallies.subject != 0)
    rows = np.flatnonzero(passes & named & np.isin(tallies.origin, np.array(suspects, np.uint64)))
    return set(rows.tolist())
