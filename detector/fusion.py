"""Fusion: measurements become reasons, log-odds of theft and one score.

Each reason has a weight in log-odds (natural, thousandths); the weights of independent evidence add up onto the prior.
A score is a probability, looked up in a table so that it has the same bits whatever the batch. The weights are
judgement, not yet fitted; what they are built to keep: one signal short of a confirmed reuse never revokes, two
independent ones do.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector import pace
from detector.config import CadenceConfig, Thresholds
from detector.signals.cadence import Cadence
from detector.signals.reuse import Reuse
from detector.signals.travel import Travel
from detector.signals.triage import Finding
from detector.verdict import MEASUREMENTS, Level, Reason, Verdicts

PRIOR: Final = -9210
"""One refresh in 10,000 that is looked at is a thief's: ln(1e-4)."""

WEIGHTS: Final[dict[Reason, int]] = {
    Reason.REUSE_BENIGN_RETRY: 0,
    Reason.REUSE_CONCURRENT_CLIENT: 0,
    Reason.REUSE_STALE_AFTER_LOGOUT: 0,
    Reason.REUSE_THEFT_SUSPECTED: 9_900,  # two in three: asks for a fresh login
    Reason.REUSE_THEFT_CONFIRMED: 14_000,  # 99 in 100
    Reason.TRAVEL_IMPOSSIBLE: 9_900,  # two in three: what is left of honest flags are shared accounts
    Reason.CADENCE_BURST: 9_900,
}
"""What each reason adds, by `Reason`."""

WATCHED_BURST: Final = 5_000
"""What a burst between `watch_nats` and `burst_nats` adds instead."""

FINDINGS: Final[dict[Finding, Reason]] = {
    Finding.BENIGN_RETRY: Reason.REUSE_BENIGN_RETRY,
    Finding.CONCURRENT_CLIENT: Reason.REUSE_CONCURRENT_CLIENT,
    Finding.STALE_AFTER_LOGOUT: Reason.REUSE_STALE_AFTER_LOGOUT,
    Finding.THEFT_SUSPECTED: Reason.REUSE_THEFT_SUSPECTED,
    Finding.THEFT_CONFIRMED: Reason.REUSE_THEFT_CONFIRMED,
}

_FINDING_REASON = np.array([FINDINGS.get(finding, 0) for finding in Finding], np.uint64)
_FINDING_WEIGHT = np.array([WEIGHTS[FINDINGS[f]] if f in FINDINGS else 0 for f in Finding], np.int64)
_STEP = 10
_REACH = 16_000
_SCORES = np.array([round(1 / (1 + math.exp(-x / 1000)), 6) for x in range(-_REACH, _REACH + 1, _STEP)])


def fuse(reuse: Reuse, travel: Travel, cadence: Cadence, config: CadenceConfig, thresholds: Thresholds) -> Verdicts:
    """Weigh what the signals measured of n events; the verdicts are those with any reason."""
    watched = cadence.surprise >= config.watch_nats << pace.POINT
    row = np.flatnonzero((reuse.finding != Finding.NONE) | travel.impossible | watched)
    finding, impossible, watched = reuse.finding[row], travel.impossible[row], watched[row]
    burst = cadence.surprise[row] >= config.burst_nats << pace.POINT

    reasons = _FINDING_REASON[finding]
    reasons |= np.where(impossible, np.uint64(Reason.TRAVEL_IMPOSSIBLE), np.uint64(0))
    reasons |= np.where(watched, np.uint64(Reason.CADENCE_BURST), np.uint64(0))
    odds = PRIOR + _FINDING_WEIGHT[finding] + np.where(impossible, WEIGHTS[Reason.TRAVEL_IMPOSSIBLE], 0)
    odds += np.where(burst, WEIGHTS[Reason.CADENCE_BURST], np.where(watched, WATCHED_BURST, 0))
    score = _SCORES[(np.clip(odds, -_REACH, _REACH) + _REACH) // _STEP]
    return Verdicts(
        row=row,
        level=level_of(score, thresholds),
        score=score,
        reasons=reasons,
        measurements=_measurements(row, reuse, travel, cadence),
    )


def level_of(score: NDArray[np.float64], thresholds: Thresholds) -> NDArray[np.uint8]:
    """The `Level` of each score; whatever is flagged is at least watched."""
    level = np.full(len(score), Level.WATCH, np.uint8)
    level[score >= thresholds.quarantine] = Level.QUARANTINE
    level[score >= thresholds.revoke] = Level.REVOKE
    return level


def _measurements(row: NDArray[np.int64], reuse: Reuse, travel: Travel, cadence: Cadence) -> NDArray[np.float32]:
    one = 1 << pace.POINT
    columns = {
        "reuse_depth": reuse.depth[row],
        "reuse_age_s": reuse.age_ms[row] / 1000,
        "travel_km": travel.km[row],
        "travel_kmh": travel.kmh[row],
        "cadence_family": cadence.family[row] / one,
        "cadence_subject": cadence.subject[row] / one,
        "cadence_surprise": cadence.surprise[row] / one,
    }
    return np.stack([columns[name] for name in MEASUREMENTS], axis=1).astype(np.float32)
