"""Fits the table of odds on labelled telemetry and on what people judged, and says how far it can be believed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.config import Thresholds
from detector.fitting import Labelled, fit, shown
from detector.fusion import HOLDS
from detector.odds import Ladder, Odds
from detector.reliability import Reliability, judge
from detector.verdict import CHANNELS, Verdicts
from tokenward.faults import Failure
from tokenward.feedback import Judgement
from tokenward.study import Seen

MOST_ROWS: Final = 20_000_000
"""A row has 72 bytes: what a fit remembers stays below 3 GB."""
LOOSE_ROWS: Final = 1_000_000
"""So many rows are gathered before repetitions are thrown out again."""


class Gathering:
    """What labelled sessions showed, file after file."""

    def __init__(self, thefts: frozenset[str]) -> None:
        self._thefts = thefts
        self._parts: list[NDArray[np.uint64]] = []
        self._loose = 0

    def add(self, seen: Iterable[Seen]) -> None:
        """Give one file's batches.

        Raises:
            Failure: there are too many sessions.
        """
        for events, batch, verdicts in seen:
            session = np.where(batch.family != 0, batch.family, batch.subject)
            stolen = np.array([event.id in self._thefts for event in events], bool)
            rows = shown(session, stolen, verdicts.row, unheld(verdicts))
            self._parts.append(rows[rows[:, 0] != 0])
            self._loose += len(rows)
            if self._loose > LOOSE_ROWS:
                self._settle()

    def labelled(self) -> Labelled:
        """All of it."""
        self._settle()
        return Labelled.of(self._parts[0])

    def _settle(self) -> None:
        nothing = np.zeros((0, 2 + len(CHANNELS)), np.uint64)
        self._parts = [np.unique(np.concatenate([nothing, *self._parts]), axis=0)]
        self._loose = 0
        if len(self._parts[0]) > MOST_ROWS:
            raise Failure(f"There are more than {MOST_ROWS:,} signs of sessions: fit on a part of this telemetry.")


def unheld(verdicts: Verdicts) -> NDArray[np.int64]:
    """The grades that count: evidence of a whole population at once is none about a session."""
    grades = verdicts.grades.copy()
    for cause, channels in HOLDS.items():
        held = (verdicts.reasons & np.uint64(cause)) > 0
        for channel in channels:
            grades[held, CHANNELS.index(channel)] = 0
    return grades


def judgements(given: Sequence[Judgement], weight: int) -> Labelled:
    """Judged alerts as sessions, each counting as `weight` of them; all of them are learnt from, none judges."""
    known = [judgement for judgement in given if judgement.grades]
    session = np.array([int(judgement.alert[:16], 16) & ~3 for judgement in known], np.uint64)
    grades = np.array([[j.grades.get(channel, 0) for channel in CHANNELS] for j in known], np.int64)
    rows = shown(
        session,
        np.array([judgement.truth for judgement in known], bool),
        np.arange(len(known)),
        grades.reshape(-1, len(CHANNELS)),
    )
    labelled = Labelled.of(rows)
    return replace(labelled, weight=labelled.weight * weight)


@dataclass(frozen=True, slots=True)
class Change:
    """What one channel's steps weighed before and weigh now, thousandths of a nat, from each grade on."""

    channel: str
    steps: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A fit, and what came of it."""

    odds: Odds
    sessions: int
    stolen: int
    judgements: int
    before: Reliability
    after: Reliability
    changes: tuple[Change, ...]


def fitted(
    labelled: Labelled, given: Sequence[Judgement], before: Odds, *, weight: int, share: float, source: str
) -> Outcome:
    """Fit a table, and judge it and the one before by sessions that it was not fitted on.

    Raises:
        Failure: there is too little.
    """
    try:
        odds = fit(
            labelled.joined(judgements(given, weight)), before, thresholds=Thresholds(), share=share, source=source
        )
    except ValueError as error:
        raise Failure(str(error)) from error
    judging = labelled.quarter(3)
    return Outcome(
        odds=odds,
        sessions=labelled.sessions(stolen=False) + labelled.sessions(stolen=True),
        stolen=labelled.sessions(stolen=True),
        judgements=len(given),
        before=judge(before, judging, share),
        after=judge(odds, judging, share),
        changes=tuple(_change(channel, before, odds) for channel in CHANNELS),
    )


def _change(channel: str, before: Odds, after: Odds) -> Change:
    old, new = (odds.ladders.get(channel, Ladder((), ())) for odds in (before, after))
    edges = np.array(sorted({*old.edges, *new.edges}), np.int64)
    steps = zip(edges.tolist(), old.of(edges).tolist(), new.of(edges).tolist(), strict=True)
    return Change(channel, tuple(steps))
