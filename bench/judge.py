"""Judges a simulation as the worker judges telemetry, and keeps count of who was touched: thieves, victims, the honest.

Everything runs in this process: simulator -> columns -> both engines -> policy. A session counts once a day at each
level, and so does everybody behind an address that is refused. What a victim's *other* sessions suffer on the day of
the theft is counted apart (`collateral`): the subject is under attack. Memory is bounded by the sessions of one day and
by what is flagged.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from detector.batch import RefreshBatch
from detector.engine import Engine
from detector.origins import OriginEngine
from detector.tallies import Tallies
from detector.verdict import Level
from ingest.columns import Columns
from ingest.formats import RefreshEvent
from revocation.alert import Alert
from revocation.condemn import OriginMemory, condemn
from revocation.decide import decide
from revocation.issuers import Issuer, Issuers
from revocation.policy import Policy, Rules
from revocation.recollection import Memory
from revocation.record import Scope
from revocation.sections import TravelPolicy
from tokenward.simulate.habits import habit_of
from tokenward.simulate.provider import DAY
from tokenward.simulate.run import Span
from tokenward.simulate.simulation import APPLICATIONS, Happening, Simulation
from tokenward.simulate.thefts import Theft
from tokenward.simulate.world import VAGUE_ASNS

BATCH: Final = 16_384
KEY: Final = b"k" * 32

COLD_MS: Final = 2 * 3_600_000
"""Records and clients are learnt by closed hours: for two hours a detector that remembers nothing knows nobody."""

SessionDay = tuple[str, int]
"""A session and the number of a day."""


@dataclass(slots=True)
class Count:
    """What became of one attack: the highest level decided, and of each of its sessions."""

    theft: Theft
    level: int = 0
    sessions: dict[str, int] = field(default_factory=dict)
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Outcome:
    """What a simulation's judgement came to."""

    events: int = 0
    #: Honest session-days by habit; and of these, which ones at each level.
    session_days: Counter[str] = field(default_factory=Counter)
    touched: dict[str, dict[int, set[SessionDay]]] = field(default_factory=dict)
    #: Those at quarantine or above that were touched later than `COLD_MS` after the beginning.
    learnt: set[SessionDay] = field(default_factory=set)
    #: Why: (habit, level, reasons) -> decisions.
    causes: Counter[tuple[str, int, tuple[str, ...]]] = field(default_factory=Counter)
    #: Sessions of victims other than the one stolen, at quarantine or above.
    collateral: set[SessionDay] = field(default_factory=set)
    attacks: dict[int, Count] = field(default_factory=dict)
    incidents: Counter[str] = field(default_factory=Counter)
    storms: list[tuple[str, int, int]] = field(default_factory=list)

    def at(self, level: Level, habit: str | None = None) -> int:
        """Honest session-days, of one habit or of all, with a decision of that level."""
        chosen = self.touched.values() if habit is None else [self.touched.get(habit, {})]
        return sum(len(levels.get(level, ())) for levels in chosen)


class Judge:
    """Judges one simulation to its end. `vague`: AS numbers whose positions say little, as an operator lists them."""

    def __init__(self, span: Span, vague: frozenset[int] = VAGUE_ASNS) -> None:
        self._span = span
        tenants = {application.iss: application.realm for application in APPLICATIONS}
        issuers = Issuers({iss: Issuer(iss=iss, format="native", tenant=realm) for iss, realm in tenants.items()})
        self._rules = Rules.of(Policy(travel=TravelPolicy(vague_asns=tuple(sorted(vague)))), issuers, KEY)
        self._columns = Columns(KEY, None, issuers)
        self._engine = Engine(self._rules.detector)
        self._memory = Memory()
        self._origins = OriginEngine(self._rules.detector)
        self._origin_memory = OriginMemory()
        #: Addresses that are refused, and from when until when.
        self._banned: dict[int, tuple[int, int]] = {}
        self._outcome = Outcome()
        #: The day under way, the sessions seen on it, and who was robbed on it or the day before.
        self._day = 0
        self._seen: set[str] = set()
        self._robbed: dict[str, int] = {}

    def run(self) -> Outcome:
        """Judge all of it."""
        simulation = self._span.simulation()
        for part in _parts(simulation, self._span.end):
            self._judge(part)
        self._outcome.storms = [(storm.kind, storm.begins, storm.ends) for storm in simulation.storms]
        return self._outcome

    def _judge(self, part: Sequence[Happening]) -> None:
        outcome = self._outcome
        outcome.events += len(part)
        for happening in part:
            self._count(happening)
        batch = self._columns.batch([happening.event for happening in part])
        now = part[-1].event.at
        verdicts, tallies = self._engine.judge(batch, now)
        for alert in decide(verdicts, batch, self._rules, now, self._memory).alerts:
            self._note(alert, part[alert.row])
        self._judge_origins(part, batch, tallies, now)

    def _judge_origins(self, part: Sequence[Happening], batch: RefreshBatch, tallies: Tallies, now: int) -> None:
        """What the second stage says, and who else is behind an address that is refused from then on."""
        verdicts = self._origins.process(tallies, now)
        alerts = condemn(verdicts, tallies, self._rules, now, self._origin_memory).alerts
        if alerts:
            rows = {key: row for row, key in enumerate(_events(batch))}
            told = list(_events(tallies))
            for alert in alerts:
                self._note(alert, part[rows[told[alert.row]]])
                self._ban(alert)
        self._banned = {key: span for key, span in self._banned.items() if span[1] >= int(batch.at[0])}
        if self._banned:
            for happening, origin in zip(part, batch.origin.tolist(), strict=True):
                begins, ends = self._banned.get(origin, (0, 0))
                if begins < happening.event.at <= ends and happening.theft is None:
                    self._touch(happening.event, Level.QUARANTINE, ("behind a refused address",))

    def _ban(self, alert: Alert) -> None:
        for entry in alert.entries if alert.enforcement == "enforced" else ():
            if entry.subject.scope is Scope.ORIGIN:
                self._banned[int.from_bytes(entry.subject.digest[:8], "big")] = (alert.at, entry.expires_at)

    def _count(self, happening: Happening) -> None:
        event, theft = happening
        if event.at // DAY != self._day:
            self._day = event.at // DAY
            self._seen.clear()
            self._robbed = {sub: day for sub, day in self._robbed.items() if day >= self._day - 1}
        if theft is not None:
            self._outcome.attacks.setdefault(id(theft), Count(theft))
            if event.sub:
                self._robbed[event.sub] = self._day
        elif event.sid and event.sid not in self._seen:
            self._seen.add(event.sid)
            self._outcome.session_days[habit_of(event.sub)] += 1

    def _note(self, alert: Alert, happening: Happening) -> None:
        event, theft = happening
        if alert.kind == "incident":
            self._outcome.incidents[f"{alert.segment.slug}: {', '.join(alert.reasons)}"] += 1
        elif alert.kind == "decision" and theft is not None:
            count, level = self._outcome.attacks[id(theft)], int(alert.level)
            count.level = max(count.level, level)
            count.sessions[event.sid or ""] = max(count.sessions.get(event.sid or "", 0), level)
            count.reasons.update(alert.reasons)
        elif alert.kind == "decision" and alert.subject.scope is not Scope.ORIGIN:  # who is behind one is counted apart
            self._touch(event, alert.level, alert.reasons)

    def _touch(self, event: RefreshEvent, level: Level, reasons: tuple[str, ...]) -> None:
        """An honest session is decided about."""
        who = (event.sid or "", event.at // DAY)
        if level > Level.WATCH and event.sub in self._robbed:
            self._outcome.collateral.add(who)
            return
        if level > Level.WATCH and event.at >= self._span.start + COLD_MS:
            self._outcome.learnt.add(who)
        habit = habit_of(event.sub)
        self._outcome.touched.setdefault(habit, {}).setdefault(int(level), set()).add(who)
        self._outcome.causes[habit, int(level), reasons] += 1


def _events(rows: RefreshBatch | Tallies) -> Iterator[tuple[int, int, int]]:
    """What tells the event of each row: when, from which address, of which session."""
    origin = rows.address if isinstance(rows, Tallies) else rows.origin
    return zip(rows.at.tolist(), origin.tolist(), rows.family.tolist(), strict=True)


def _parts(simulation: Simulation, end: int) -> Iterator[list[Happening]]:
    happenings = simulation.until(end)
    while part := list(islice(happenings, BATCH)):
        yield part
