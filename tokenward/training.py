"""Trains a forest on recorded telemetry: a bounded, seeded sample of what was measured."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from detector.model import Forest
from detector.training import fit
from detector.verdict import MEASUREMENTS
from tokenward.faults import Failure
from tokenward.study import Seen


class Reservoir:
    """Keeps a fair sample of all rows it is given: each has had the same chance (Vitter's algorithm R)."""

    def __init__(self, size: int, seed: int) -> None:
        self.rows = np.zeros((size, len(MEASUREMENTS)), np.float32)
        #: Rows given so far.
        self.given = 0
        self._rng = np.random.default_rng(seed)

    def add(self, rows: NDArray[np.float32]) -> None:
        """Give float32 (m, len(MEASUREMENTS)); of two that fall on one place, the later stays."""
        size = len(self.rows)
        first = self.given + np.arange(len(rows))
        place = np.where(first < size, first, self._rng.integers(0, first + 1))
        kept = place < size
        self.rows[place[kept]] = rows[kept]
        self.given += len(rows)

    def sample(self) -> NDArray[np.float32]:
        """What is kept."""
        return self.rows[: min(self.given, len(self.rows))]


def train(seen: Iterable[Seen], *, sample: int, seed: int) -> tuple[Forest, int]:
    """A forest of what is usual, and how many rows it is a sample of.

    Raises:
        Failure: too little was measured.
    """
    reservoir = Reservoir(sample, seed)
    for part in seen:
        reservoir.add(part.verdicts.measurements)
    try:
        return fit(reservoir.sample(), seed), reservoir.given
    except ValueError as error:
        raise Failure(f"{error} Give more telemetry: only events of which some signal says anything count.") from error
