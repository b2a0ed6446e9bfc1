"""Crossings: notices families that turn up in two partitions, i.e. a topic that is not keyed by subject."""

import numpy as np
from kafka import TopicPartition
from numpy.typing import NDArray

SLOTS = 1 << 16


class Crossings:
    """Where each family was seen last: a table of `SLOTS` rows, where a newcomer takes the place of whoever is there.

    It forgets, so it may miss a crossing; it holds the whole key, so it invents none.
    """

    def __init__(self) -> None:
        self._family = np.zeros(SLOTS, np.uint64)
        self._partition = np.zeros(SLOTS, np.int32)
        self._numbers: dict[TopicPartition, int] = {}

    def count(self, families: NDArray[np.uint64], partition: TopicPartition) -> int:
        """How many of `families` (n,) were seen last in another partition than this one; 0 is no family."""
        number = self._numbers.setdefault(partition, len(self._numbers))
        families = families[families != 0]
        slots = (families % np.uint64(SLOTS)).astype(np.int64)
        crossed = (self._family[slots] == families) & (self._partition[slots] != number)
        self._family[slots], self._partition[slots] = families, number
        return len(np.unique(families[crossed])) if crossed.any() else 0
