"""Reliability: whether a score of 0.9 is right nine times out of ten, on sessions that no fit has seen.

Stolen sessions are far more frequent in labelled telemetry than out there; they count as much less as the stated share
is smaller. Rows without any sign are left out: nobody doubts them, and they would make every error look small.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from detector.fitting import Labelled
from detector.odds import Odds

SCORES: Final = (0.0, 0.001, 0.01, 0.1, 0.5, 0.95, 1.0)
"""Where bins begin: by default from 0.001 on is watched, from 0.5 quarantined, from 0.95 revoked."""


@dataclass(frozen=True, slots=True)
class Bin:
    """The scores from `begins` on, up to the next bin."""

    begins: float
    #: Of the scores in it, and how often it was theft, each row weighed by the stated share.
    mean_score: float
    observed: float
    #: How many rows there are: sessions, each with a combination of signs that it showed.
    stolen: int
    honest: int


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far scores can be believed."""

    #: Mean distance of score and observed rate over the bins, weighed by what happens in each.
    expected_calibration_error: float
    bins: tuple[Bin, ...]


def judge(odds: Odds, judging: Labelled, share: float) -> Reliability:
    """Hold a table against labelled sessions; `share` of all sessions are stolen out there."""
    signs = judging.where(np.asarray(judging.grades.any(axis=1), bool))
    honest, stolen = judging.sessions(stolen=False), judging.sessions(stolen=True)
    weight = np.where(signs.stolen, share / (1 - share) * honest / max(stolen, 1), 1.0) * signs.weight
    score = odds.score(odds.weigh(signs.grades))
    place = np.searchsorted(SCORES[1:-1], score, side="right")
    mass, scored, struck = (np.bincount(place, weight * of, len(SCORES) - 1) for of in (1, score, signs.stolen))
    per_mass = 1 / np.where(mass > 0, mass, 1)
    counts = [np.bincount(place, signs.weight * (signs.stolen == kind), len(SCORES) - 1) for kind in (True, False)]
    columns = zip(SCORES, scored * per_mass, struck * per_mass, *counts, mass > 0, strict=False)
    error = float(np.abs(scored - struck).sum() / max(mass.sum(), 1e-12))
    return Reliability(
        expected_calibration_error=error,
        bins=tuple(
            Bin(begins, float(mean), float(rate), int(hits), int(misses))
            for begins, mean, rate, hits, misses, filled in columns
            if filled
        ),
    )
