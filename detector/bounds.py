"""Bounds: what no fit may change, because the price of an error is not in the telemetry.

Telemetry tells how often a sign comes with a theft. It does not tell that throwing out an honest person costs more than
watching a thief a while longer, nor that a rule is to be kept for the day that the simulation did not think of.
"""

from typing import Final, NamedTuple

import numpy as np

from detector.config import Thresholds
from detector.odds import MOST_WEIGHT, Ladder, Odds
from detector.verdict import CHANNELS, Level


class Bound(NamedTuple):
    """From `grade` on, up to the channel's next bound, the channel alone reaches `least` and no more than `most`."""

    channel: str
    grade: int
    least: Level
    most: Level
    why: str


_WATCH, _QUARANTINE, _REVOKE = Level.WATCH, Level.QUARANTINE, Level.REVOKE

BOUNDS: Final = (
    Bound("reuse", 1, _WATCH, _WATCH, "lost answers, several tabs and ended sessions are no theft"),
    Bound("reuse", 4, _QUARANTINE, _QUARANTINE, "a predecessor from elsewhere may be a lost answer in a moving train"),
    Bound("reuse", 5, _REVOKE, _REVOKE, "a token is in two hands: no number may let that pass"),
    Bound("travel", 1, _WATCH, _QUARANTINE, "shared accounts and wrong positions travel impossibly too"),
    Bound("cadence", 1, _WATCH, _QUARANTINE, "clients loop when they are released badly"),
    Bound("failure", 1, _WATCH, _QUARANTINE, "clients retry through an outage"),
    Bound("spread", 1, _WATCH, _QUARANTINE, "carriers and relays give one session many addresses"),
    Bound("novelty", 1, _WATCH, _WATCH, "everybody buys a device and moves house"),
    Bound("model", 1, _WATCH, _WATCH, "what is unusual is not yet theft; a forest cannot say why"),
)


def bounded(odds: Odds, thresholds: Thresholds) -> Odds:
    """The table with every weight inside its bound, held against `thresholds`; still monotone."""
    return Odds(odds.prior, {name: _bounded(name, odds, thresholds) for name in CHANNELS}, odds.source)


def strongest(odds: Odds, thresholds: Thresholds, level: Level) -> int:
    """The largest weight that, alone, stays at `level` or below; a step of the score's table below the next one."""
    limits = {Level.WATCH: thresholds.quarantine, Level.QUARANTINE: thresholds.revoke}
    return MOST_WEIGHT - odds.prior if level not in limits else _reaching(odds, limits[level]) - STEP


def weakest(odds: Odds, thresholds: Thresholds, level: Level) -> int:
    """The smallest weight that, alone, reaches `level`; 0 to be watched, which is nobody's right."""
    limits = {Level.QUARANTINE: thresholds.quarantine, Level.REVOKE: thresholds.revoke}
    return 0 if level not in limits else _reaching(odds, limits[level])


STEP: Final = 10
"""Thousandths of a nat: weights are multiples of it, as the score's table has them."""


def _reaching(odds: Odds, score: float) -> int:
    """The smallest weight with which a single channel scores so much."""
    totals = np.arange(0, MOST_WEIGHT - odds.prior + STEP, STEP, dtype=np.int64)[:, None]
    return int(totals[np.argmax(odds.score(totals) >= score), 0])


def _bounded(channel: str, odds: Odds, thresholds: Thresholds) -> Ladder:
    bounds = [bound for bound in BOUNDS if bound.channel == channel]
    ladder = odds.ladders.get(channel, Ladder((), ()))
    edges = np.array(sorted({*ladder.edges, *(bound.grade for bound in bounds)}), np.int64)
    weights = ladder.of(edges)
    place = np.searchsorted([bound.grade for bound in bounds], edges, side="right") - 1
    for number, bound in enumerate(bounds):
        least, most = weakest(odds, thresholds, bound.least), strongest(odds, thresholds, bound.most)
        weights = np.where(place == number, np.clip(weights, least, most), weights)
    return ladder_of(edges.tolist(), np.maximum.accumulate(weights).tolist())


def ladder_of(edges: list[int], weights: list[int]) -> Ladder:
    """A ladder of these steps, without those that rise above nothing; weights in whole steps of the score's table."""
    rising: list[tuple[int, int]] = []
    for edge, weight in zip(edges, (weight // STEP * STEP for weight in weights), strict=True):
        if weight > (rising[-1][1] if rising else 0):
            rising.append((edge, weight))
    return Ladder(tuple(edge for edge, _ in rising), tuple(weight for _, weight in rising))
