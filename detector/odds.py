"""Odds: the monotone tables that turn each signal's grade into log-odds of theft.

A grade is a whole number that grows with the suspicion; what it counts, each signal says. A ladder maps it to a weight
in thousandths of a nat that never falls as the grade grows. Weights of signals that are independent of one another add
up onto the prior; of a group that shows one and the same burst only the largest counts.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detector.verdict import CHANNELS

GROUPS: Final = (("reuse",), ("travel", "novelty"), ("cadence", "failure", "spread"), ("model",))
"""Channels that show the same thing; each channel stands in one group."""

MOST_WEIGHT: Final = 16_000
"""Nothing weighs more: a probability of 1 - 1e-7 is as sure as a detector gets."""

_STEP = 10
_SCORES = np.array(
    [round(1 / (1 + math.exp(-x / 1000)), 6) for x in range(-MOST_WEIGHT, MOST_WEIGHT + 1, _STEP)], np.float64
)


@dataclass(frozen=True, slots=True)
class Ladder:
    """Grades from `edges[i]` on have `weights[i]`; below the first edge a grade weighs nothing."""

    edges: Sequence[int]
    weights: Sequence[int]

    def __post_init__(self) -> None:
        rising = all(a < b for a, b in zip(self.edges, self.edges[1:], strict=False))
        growing = all(a <= b for a, b in zip(self.weights, self.weights[1:], strict=False))
        if len(self.edges) != len(self.weights) or not rising or not growing:
            raise ValueError("A ladder needs rising edges and as many weights, none smaller than the one before.")
        if any(not 0 <= weight <= 2 * MOST_WEIGHT for weight in self.weights):
            raise ValueError(f"A ladder's weights are thousandths of a nat from 0 to {2 * MOST_WEIGHT}.")

    def of(self, grade: NDArray[np.int64]) -> NDArray[np.int64]:
        """The weight of each grade, (n,) int64."""
        step = np.searchsorted(np.array(self.edges, np.int64), grade, side="right")
        return np.append(0, self.weights).astype(np.int64)[step]


@dataclass(frozen=True)
class Odds:
    """A prior in thousandths of a nat, and a ladder for each channel; channels without one weigh nothing."""

    prior: int
    ladders: Mapping[str, Ladder]
    #: Where the numbers come from, a sentence.
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if unknown := sorted(self.ladders.keys() - set(CHANNELS)):
            raise ValueError(f"There is no channel {', '.join(unknown)}; there are {', '.join(CHANNELS)}.")
        object.__setattr__(self, "ladders", MappingProxyType(dict(self.ladders)))

    @cached_property
    def version(self) -> str:
        """Names the content: equal tables have equal names, 8 hexadecimal digits."""
        plain = [(n, tuple(ladder.edges), tuple(ladder.weights)) for n, ladder in sorted(self.ladders.items())]
        return blake2b(repr((self.prior, plain)).encode(), digest_size=4).hexdigest()

    def weigh_alone(self, grades: NDArray[np.int64]) -> NDArray[np.int64]:
        """What each channel would add if it were the only one, (m, len(CHANNELS))."""
        weights = np.zeros_like(grades)
        for channel, ladder in self.ladders.items():
            place = CHANNELS.index(channel)
            weights[:, place] = ladder.of(grades[:, place])
        return weights

    def weigh(self, grades: NDArray[np.int64]) -> NDArray[np.int64]:
        """What each channel adds, (m, len(CHANNELS)): of each group only the largest, the others 0."""
        weights = self.weigh_alone(grades)
        for group in GROUPS:
            places = [CHANNELS.index(channel) for channel in group]
            strongest = weights[:, places].argmax(axis=1)
            for number, place in enumerate(places):
                weights[strongest != number, place] = 0
        return weights

    def score(self, weights: NDArray[np.int64]) -> NDArray[np.float64]:
        """The probability of theft, (m,): looked up, so that it has the same bits whatever the batch."""
        total = np.clip(self.prior + weights.sum(axis=1), -MOST_WEIGHT, MOST_WEIGHT)
        score: NDArray[np.float64] = _SCORES[(total + MOST_WEIGHT) // _STEP]
        return score
