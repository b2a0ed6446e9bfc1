"""Fitting: labelled sessions to a table of odds.

What is counted is sessions, not events: a thief's script that refreshes 150 times is one theft, and a person whose
client repeats itself all day is one honest session. A session counts once for each combination of signs that it shows,
and once without any, which is how it begins.

1. Each channel's grades are cut into bins. What a bin weighs is the logarithm of a ratio: its share of the stolen
   sessions over its share of the honest ones, half a session added to either side, so that a sign which no honest
   session has shown weighs as much as the number of honest sessions allows and no more.
2. A weight must not fall as the grade grows: bins that contradict it are pooled (isotonic regression of the rate).
3. Signs are not quite independent, whatever the groups of `detector.odds` do about it: slope and intercept of the sum
   are set on sessions that the ladders were not fitted on. Simulated thefts are far more frequent than real ones; the
   intercept moves to the stated share of stolen sessions.
4. Bounds are kept (`detector.bounds`).
5. A third set of sessions judges the outcome (`detector.reliability`).
"""

from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from detector.bounds import STEP, bounded, ladder_of
from detector.config import Thresholds
from detector.odds import MOST_WEIGHT, Ladder, Odds
from detector.verdict import CHANNELS

_NATS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1_000)
EDGES: Final[dict[str, tuple[int, ...]]] = {
    "reuse": (1, 2, 3, 4, 5),
    "travel": (1, 2, 3),
    "cadence": _NATS,
    "failure": _NATS,
    "spread": _NATS,
    "novelty": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 20),
    "model": tuple(range(400, 1_000, 25)),
}
"""Where a channel's bins begin; nats about evenly by ratio. What lies below the first is no sign."""

LEAST_SESSIONS: Final = 20
"""Stolen ones, and honest ones, in each set: with fewer, a figure would be an anecdote."""
NEAR: Final = 300
"""Steps of a ladder that differ by less, thousandths of a nat, are one."""
PRIORS: Final = (-14_000, -7_000)
"""A session without any sign is not watched by default, and is not as sure as nothing in this world."""
SLOPES: Final = (0.3, 1.5)
"""Beyond these the ladders are not miscalibrated but wrong."""
_TURNS = 50
NOTHING: Final = Ladder((), ())


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Sessions and what they showed, r rows; a combination of signs stands once for each session."""

    #: uint64 (r,): digests; a session that was stolen counts as another one from then on.
    session: NDArray[np.uint64]
    #: bool (r,).
    stolen: NDArray[np.bool_]
    #: int64 (r, len(CHANNELS)): a bin's first grade, or 0; one row of each session is all 0.
    grades: NDArray[np.int64]
    #: int64 (r,): as how many sessions it counts.
    weight: NDArray[np.int64]

    @classmethod
    def of(cls, shown: NDArray[np.uint64]) -> Self:
        """What `shown` made, one below another, in any order; rows may repeat."""
        rows = np.unique(shown, axis=0)
        columns = rows[:, 0].copy(), rows[:, 1] > 0, rows[:, 2:].astype(np.int64)
        return cls(*columns, weight=np.ones(len(rows), np.int64))

    def where(self, chosen: NDArray[np.bool_]) -> Self:
        """The rows that are chosen, bool (r,)."""
        return type(self)(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def sessions(self, *, stolen: bool) -> int:
        """How many there are."""
        return int(self.weight[(self.stolen == stolen) & ~self.grades.any(axis=1)].sum())

    def quarter(self, *numbers: int) -> Self:
        """The sessions whose digest falls into these of four sets."""
        return self.where(np.isin(self.session % np.uint64(4), np.array(numbers, np.uint64)))

    def joined(self, other: "Labelled") -> "Labelled":
        """Both."""
        return Labelled(
            **{f.name: np.concatenate([getattr(self, f.name), getattr(other, f.name)]) for f in fields(self)}
        )


def shown(
    session: NDArray[np.uint64], stolen: NDArray[np.bool_], row: NDArray[np.int64], grades: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """What n events showed, each combination once, uint64 (r, 2 + len(CHANNELS)): session, stolen?, binned grades.

    Args:
        session: (n,), digests.
        stolen: (n,), whether the event belongs to a theft.
        row: (m,), the events of which any signal said anything.
        grades: (m, len(CHANNELS)), as the engine gives them.
    """
    whose = np.stack([session, stolen.astype(np.uint64)], axis=1)
    begun = np.unique(whose, axis=0)
    blank = np.zeros((len(begun), len(CHANNELS)), np.uint64)
    seen = np.concatenate([whose[row], binned(grades).astype(np.uint64)], axis=1)
    return np.unique(np.concatenate([np.concatenate([begun, blank], axis=1), seen]), axis=0)


def binned(grades: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first grade of each grade's bin, (m, len(CHANNELS)); 0 below the first bin."""
    first = np.zeros_like(grades)
    for place, channel in enumerate(CHANNELS):
        edges = np.array((0, *EDGES[channel]), np.int64)
        first[:, place] = edges[np.searchsorted(edges, grades[:, place], side="right") - 1]
    return first


def fit(labelled: Labelled, before: Odds, *, thresholds: Thresholds, share: float, source: str) -> Odds:
    """A table of odds; the fourth quarter of the sessions is not looked at, so that it can judge.

    Args:
        labelled: sessions, some of them stolen.
        before: whose ladder stays, where no session shows anything of a channel.
        thresholds: what the bounds are held against.
        share: of all sessions, how many are stolen out there, 0 to 1.
        source: a sentence for the table.

    Raises:
        ValueError: there are too few sessions of either kind.
    """
    learning, calibrating = labelled.quarter(0, 1), labelled.quarter(2)
    for part in (learning, calibrating, labelled.quarter(3)):
        if min(part.sessions(stolen=True), part.sessions(stolen=False)) < LEAST_SESSIONS:
            raise ValueError(
                f"A fit needs at least {LEAST_SESSIONS} stolen and as many honest sessions in each quarter of the "
                f"sessions, some {8 * LEAST_SESSIONS} of each; there are {labelled.sessions(stolen=True)} stolen and "
                f"{labelled.sessions(stolen=False)} honest ones."
            )
    raw = Odds(0, {channel: _ladder(learning, channel) or before.ladders.get(channel, NOTHING) for channel in CHANNELS})
    slope, intercept = _line(raw.weigh(calibrating.grades).sum(axis=1) / 1000, calibrating)
    stolen, honest = calibrating.sessions(stolen=True), calibrating.sessions(stolen=False)
    moved = intercept + np.log(share / (1 - share)) - np.log(stolen / honest)
    prior = int(np.clip(round(moved * 1000 / STEP) * STEP, *PRIORS))
    return bounded(Odds(prior, _scaled(raw, slope), source), thresholds)


def _ladder(part: Labelled, channel: str) -> Ladder | None:
    """What the channel's bins weigh by themselves; None where no session shows any."""
    signs = part.where(part.grades[:, CHANNELS.index(channel)] > 0)
    if not len(signs.session):
        return None
    grade = signs.grades[:, CHANNELS.index(channel)]
    once = np.stack([signs.session, signs.stolen.astype(np.uint64), grade.astype(np.uint64)], axis=1)
    _, rows = np.unique(once, axis=0, return_index=True)
    edges, place = np.unique(grade[rows], return_inverse=True)
    weight, of_theft = signs.weight[rows], signs.stolen[rows]
    stolen, honest = (np.bincount(place, weight * (of_theft == kind), len(edges)) for kind in (True, False))
    rates = IsotonicRegression().fit_transform(edges, stolen / (stolen + honest), sample_weight=stolen + honest)
    _, pool = np.unique(rates, return_inverse=True)
    share = [
        (np.bincount(pool, seen) + 0.5) / (part.sessions(stolen=kind) + 1)
        for kind, seen in ((True, stolen), (False, honest))
    ]
    weights = np.maximum.accumulate(np.clip(1000 * np.log(share[0] / share[1]), 0, MOST_WEIGHT))[pool]
    return _thinned(edges.tolist(), np.rint(weights).astype(int).tolist())


def _thinned(edges: list[int], weights: list[int]) -> Ladder:
    """Only the steps that are worth one."""
    kept: list[tuple[int, int]] = []
    for edge, weight in zip(edges, weights, strict=True):
        if weight >= (kept[-1][1] if kept else 0) + NEAR:
            kept.append((edge, weight))
    return ladder_of([edge for edge, _ in kept], [weight for _, weight in kept])


def _line(total: NDArray[np.float64], part: Labelled) -> tuple[float, float]:
    """Slope and intercept of the log-odds over the summed weights (nats), by Newton's method.

    Where the data hardly say (a few sessions, or perfectly told apart) the slope stays near 1: a normal prior, of which
    the spread says that a slope of 0.5 is believed when ten sessions show it.
    """
    design = np.stack([total, np.ones(len(total))], axis=1)
    theta = np.array([1.0, np.log(part.sessions(stolen=True) / part.sessions(stolen=False))])
    expected, precision = theta.copy(), np.diag([4.0, 0.01])
    for _ in range(_TURNS):
        chance = 1 / (1 + np.exp(-np.clip(design @ theta, -40, 40)))
        slack = design.T @ (part.weight * (part.stolen - chance)) - precision @ (theta - expected)
        curve = (design * (part.weight * chance * (1 - chance))[:, None]).T @ design + precision
        step = np.linalg.solve(curve, slack)
        theta = theta + np.clip(step, -1, 1)
    return float(np.clip(theta[0], *SLOPES)), float(theta[1])


def _scaled(odds: Odds, slope: float) -> dict[str, Ladder]:
    return {
        channel: ladder_of(list(ladder.edges), [min(round(w * slope), 2 * MOST_WEIGHT) for w in ladder.weights])
        for channel, ladder in odds.ladders.items()
    }
