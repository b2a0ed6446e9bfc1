"""Crossings: a family in two partitions is noticed, and none is invented."""

import numpy as np
from kafka import TopicPartition

from ingest.crossings import SLOTS, Crossings

HERE, THERE = TopicPartition("t", 0), TopicPartition("t", 1)


def keys(*families: int) -> "np.typing.NDArray[np.uint64]":
    """Family keys of a batch."""
    return np.array(families, np.uint64)


def test_a_family_in_two_partitions_is_counted_once_a_batch() -> None:
    """Families that were elsewhere before count, however many events they have."""
    crossings = Crossings()
    crossings.count(keys(1, 2, 3), HERE)

    assert 2 == crossings.count(keys(2, 3, 3, 4), THERE)


def test_families_that_stay_are_not_counted() -> None:
    """The same partition again, another topic's families, and events without one: nothing crosses."""
    crossings = Crossings()
    counts = [
        crossings.count(keys(1, 2, 0), HERE),
        crossings.count(keys(2, 1, 0), HERE),
        crossings.count(keys(0), THERE),
    ]

    assert [0, 0, 0] == counts


def test_another_family_of_the_same_slot_is_no_crossing() -> None:
    """Who takes another's slot is not taken for it."""
    crossings = Crossings()
    crossings.count(keys(7), HERE)

    assert 0 == crossings.count(keys(7 + SLOTS), THERE)
