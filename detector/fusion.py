"""Fusion: what the signals measured becomes reasons, log-odds of theft and one score.

Only rows where some signal is awake (a grade above 0) are weighed; of these, the rows that score too little to be
watched and found nothing by name are dropped again. Evidence that is held (`detector.systemic`) weighs nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.config import Thresholds
from detector.model import Model
from detector.odds import Odds
from detector.signals.triage import Finding
from detector.verdict import CHANNELS, MEASUREMENTS, Level, Reason, Verdicts

FINDINGS: Final[dict[Finding, Reason]] = {
    Finding.BENIGN_RETRY: Reason.REUSE_BENIGN_RETRY,
    Finding.CONCURRENT_CLIENT: Reason.REUSE_CONCURRENT_CLIENT,
    Finding.STALE_AFTER_LOGOUT: Reason.REUSE_STALE_AFTER_LOGOUT,
    Finding.THEFT_SUSPECTED: Reason.REUSE_THEFT_SUSPECTED,
    Finding.THEFT_CONFIRMED: Reason.REUSE_THEFT_CONFIRMED,
}
"""What a finding is called, whatever it weighs."""

NAMES: Final[dict[str, Reason]] = {
    "cadence": Reason.CADENCE_BURST,
    "failure": Reason.FAILURE_REFUSED,
    "spread": Reason.SPREAD_STRANGERS,
    "model": Reason.MODEL_UNUSUAL,
}
"""What channels are called at the first stage. The others have names by grade."""

HOLDS: Final[dict[Reason, tuple[str, ...]]] = {
    Reason.SYSTEMIC_REUSE: ("reuse",),
    Reason.SYSTEMIC_TRAVEL: ("travel",),
    Reason.SYSTEMIC_VOLUME: ("cadence", "failure", "spread"),
}
"""Which channels weigh nothing while a cause is held."""

TRAVEL_RETURN_GRADE: Final = 3
NOVELTY_FAMILY_GRADE: Final = 5
"""From these grades on travel is there and back, and novelty is of the family."""

_FINDING_REASON = np.array([FINDINGS.get(finding, 0) for finding in Finding], np.uint64)
_PLACE = {channel: place for place, channel in enumerate(CHANNELS)}


@dataclass(slots=True, eq=False)
class Evidence:
    """What the signals say of n events, all (n,) in the batch's order."""

    n: int
    #: Channel -> grade, int64; a channel that is absent says nothing.
    grades: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    #: Name of a measurement -> (values, what to divide them by).
    measured: dict[str, tuple[NDArray[Any], float]] = field(default_factory=dict)
    #: Bits of `Reason.SYSTEMIC_*` whose evidence is held; and the `Segment` whose incident begins with this event.
    held: NDArray[np.uint64] | None = None
    incident: NDArray[np.uint8] | None = None
    #: A family that had ended was refreshed.
    revived: NDArray[np.bool_] | None = None

    def awake(self) -> NDArray[np.bool_]:
        """Of which events any signal says something, or with which an incident begins."""
        any_of = np.zeros(self.n, bool)
        for grade in self.grades.values():
            any_of |= grade > 0
        if self.revived is not None:
            any_of |= self.revived
        if self.incident is not None:
            any_of |= self.incident > 0
        return any_of


class Scale(NamedTuple):
    """By what evidence is weighed, and what a channel is called wherever its grade weighs anything."""

    odds: Odds
    names: Mapping[str, Reason] = MappingProxyType(NAMES)


def fuse(evidence: Evidence, scale: Scale, thresholds: Thresholds, model: Model | None = None) -> Verdicts:
    """Weigh what the signals measured; the verdicts are those on events that are at least watched."""
    row = np.flatnonzero(evidence.awake())
    grades = np.zeros((len(row), len(CHANNELS)), np.int64)
    for channel, values in evidence.grades.items():
        grades[:, _PLACE[channel]] = values[row]
    measurements = _measurements(row, evidence.measured)
    if model is not None and len(row):
        grades[:, _PLACE["model"]] = model.grade(measurements)
        measurements[:, MEASUREMENTS.index("model_score")] = grades[:, _PLACE["model"]] / 1000
    held = np.zeros(len(row), np.uint64) if evidence.held is None else evidence.held[row]
    revived = np.zeros(len(row), bool) if evidence.revived is None else evidence.revived[row]
    incident = np.zeros(len(row), np.uint8) if evidence.incident is None else evidence.incident[row]

    weights = scale.odds.weigh(_unheld(grades, held))
    score = scale.odds.score(weights)
    score[revived] = 1.0
    reasons = _reasons(grades, scale.odds.weigh_alone(grades), scale.names) | held
    reasons[revived] |= np.uint64(Reason.EFFECTIVENESS_REFRESHED)
    named = (grades[:, _PLACE["reuse"]] > 0) | (held > 0) | (incident > 0) | revived
    told = np.flatnonzero(named | (score >= thresholds.watch))
    return Verdicts(
        row=row[told],
        level=level_of(score[told], thresholds),
        score=score[told],
        reasons=reasons[told],
        measurements=measurements[told],
        grades=grades[told],
        weights=weights[told],
        incident=incident[told],
    )


def level_of(score: NDArray[np.float64], thresholds: Thresholds) -> NDArray[np.uint8]:
    """The `Level` of each score; whatever is flagged is at least watched."""
    level = np.full(len(score), Level.WATCH, np.uint8)
    level[score >= thresholds.quarantine] = Level.QUARANTINE
    level[score >= thresholds.revoke] = Level.REVOKE
    return level


def _unheld(grades: NDArray[np.int64], held: NDArray[np.uint64]) -> NDArray[np.int64]:
    counting = grades.copy()
    for cause, channels in HOLDS.items():
        rows = np.flatnonzero(held & np.uint64(cause))
        for channel in channels:
            counting[rows, _PLACE[channel]] = 0
    return counting


def _reasons(grades: NDArray[np.int64], weights: NDArray[np.int64], names: Mapping[str, Reason]) -> NDArray[np.uint64]:
    """The bits of everything that weighs by itself; findings are named even where they weigh nothing."""
    reasons = _FINDING_REASON[grades[:, _PLACE["reuse"]]]
    named: dict[Reason, NDArray[np.bool_]] = {
        reason: weights[:, _PLACE[channel]] > 0 for channel, reason in names.items()
    }
    travel, novelty = grades[:, _PLACE["travel"]], grades[:, _PLACE["novelty"]]
    moved, new = weights[:, _PLACE["travel"]] > 0, weights[:, _PLACE["novelty"]] > 0
    named[Reason.TRAVEL_RETURN] = moved & (travel >= TRAVEL_RETURN_GRADE)
    named[Reason.TRAVEL_IMPOSSIBLE] = moved
    named[Reason.NOVELTY_FAMILY] = new & (novelty >= NOVELTY_FAMILY_GRADE)
    named[Reason.NOVELTY_SUBJECT] = new & (novelty % NOVELTY_FAMILY_GRADE > 0)
    for reason, here in named.items():
        reasons |= np.where(here, np.uint64(reason), np.uint64(0))
    return reasons


def _measurements(row: NDArray[np.int64], measured: Mapping[str, tuple[NDArray[Any], float]]) -> NDArray[np.float32]:
    columns = np.zeros((len(row), len(MEASUREMENTS)), np.float32)
    for name, (values, unit) in measured.items():
        columns[:, MEASUREMENTS.index(name)] = values[row] / unit
    return columns
