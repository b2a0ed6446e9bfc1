"""Judges a simulation as the worker judges telemetry, and keeps count of who was touched: thieves, victims, the honest.

Everything runs in this process: simulator -> columns -> engine -> policy. A session counts once a day and once at each
level. What a victim's *other* sessions suffer on the day of the theft is counted apart (`collateral`): the subject is
under attack. Memory is bounded by the sessions of one day and by what is flagged.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final

import msgspec

from detector.engine import Engine
from detector.verdict import Level, Segment, Verdicts
from ingest.columns import Columns
from revocation.decide import Alert, Memory, decide
from revocation.issuers import Issuer, Issuers
from revocation.policy import Policy, Rules
from tokenward.simulate.habits import habit_of
from tokenward.simulate.provider import DAY
from tokenward.simulate.run import Span
from tokenward.simulate.simulation import APPLICATIONS, Happening, Simulation
from tokenward.simulate.thefts import Theft
from tokenward.simulate.world import VAGUE_ASNS

BATCH: Final = 16_384
KEY: Final = b"k" * 32

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
        rules = Rules.of(Policy(), issuers, KEY)
        travel = replace(rules.detector.travel, vague_asns=vague)
        self._rules = msgspec.structs.replace(rules, detector=replace(rules.detector, travel=travel))
        self._columns = Columns(KEY, None, issuers)
        self._engine = Engine(self._rules.detector)
        self._memory = Memory()
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
        verdicts = self._engine.process(batch, now)
        self._note_incidents(verdicts)
        for alert in decide(verdicts, batch, self._rules, now, self._memory).alerts:
            self._note(alert, part[alert.row])

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

    def _note_incidents(self, verdicts: Verdicts) -> None:
        for segment in verdicts.incident[verdicts.incident > 0].tolist():
            self._outcome.incidents[Segment(segment).slug] += 1

    def _note(self, alert: Alert, happening: Happening) -> None:
        event, theft = happening
        level, sid = int(alert.level), event.sid or ""
        if theft is not None:
            count = self._outcome.attacks[id(theft)]
            count.level = max(count.level, level)
            count.sessions[sid] = max(count.sessions.get(sid, 0), level)
            count.reasons.update(alert.reasons)
            return
        day = event.at // DAY
        if level > Level.WATCH and event.sub in self._robbed:
            self._outcome.collateral.add((sid, day))
            return
        habit = habit_of(event.sub)
        self._outcome.touched.setdefault(habit, {}).setdefault(level, set()).add((sid, day))
        self._outcome.causes[habit, level, alert.reasons] += 1


def _parts(simulation: Simulation, end: int) -> Iterator[list[Happening]]:
    happenings = simulation.until(end)
    while part := list(islice(happenings, BATCH)):
        yield part
