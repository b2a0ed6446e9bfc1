"""Levels, records and surprise, with a table of a few rows and nothing else."""

import math
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from detector import pace
from detector.pace import HOUR_S, POINT, Rule
from detector.runs import Runs
from detector.table import Keyed, Table

ONE: Final = 1 << POINT
NOON: Final = 1_770_033_600 // HOUR_S * HOUR_S
"""Seconds; a full hour."""


class Counted:
    """One table with two channels, and events given by (second, key)."""

    def __init__(self) -> None:
        self.table = Table(100, {"count": pace.counts(2), "record": pace.records(2)})

    def keyed(self, seconds: list[int], keys: list[int] | None = None) -> Keyed:
        """The events, grouped."""
        runs = Runs(np.array(keys or [1] * len(seconds), np.uint64))
        return Keyed.look_up(self.table, runs, (NOON + np.array(seconds, np.int64)) * 1000)

    def count(self, seconds: list[int], weights: list[tuple[int, int]]) -> list[list[float]]:
        """The levels of one key's events, in events."""
        level = pace.count(self.keyed(seconds), "count", np.array(weights, np.int64))
        return [[round(channel / ONE, 2) for channel in event] for event in level.tolist()]

    def judge(self, hour: int, level: int, *rules: Rule, judged: bool = True) -> tuple[list[int], list[int]]:
        """What is expected of a level that both channels have in that hour, and the nats of its surprise."""
        levels = np.full((1, 2), level * ONE)
        found = pace.judge(self.keyed([hour * HOUR_S]), "record", levels, rules, np.full((1, 2), judged))
        return (found.expected[0] // ONE).tolist(), (found.surprise[0] // ONE).tolist()


@pytest.mark.parametrize("value", [1, 2, 3, 4095, 4096, 4097, 10**6, 2**40 + 12345, 2**52 - 1])
def test_log2_is_close(value: int) -> None:
    """The integer logarithm is that of `math` to a ten-thousandth, from the least to the largest."""
    assert pace.log2(np.array([value]))[0] / 65536 == pytest.approx(math.log2(value), abs=1e-4)


def test_log2_never_falls() -> None:
    """Where a mantissa's table entry ends, the next one goes on."""
    values = np.unique(np.concatenate([2**power + np.arange(-50, 50) for power in range(7, 52)]))

    assert (np.diff(pace.log2(values)) >= 0).all()


def poisson(level: float, expected: float) -> float:
    """The exact surprise."""
    return level * math.log(level / expected) - (level - expected)


@pytest.mark.parametrize(("level", "expected"), [(21, 20), (100, 20), (20, 2), (5000, 20), (400_000, 20), (1000, 999)])
def test_surprise_is_the_poisson_surprise(level: int, expected: int) -> None:
    """Nats as exact mathematics has them, to a hundredth of a nat and a thousandth of the level."""
    nats = pace.surprise(np.array([level * ONE]), np.array([expected * ONE]))[0] / ONE

    assert nats == pytest.approx(poisson(level, expected), abs=0.01 + level / 1000)


def test_nothing_surprises_below_what_is_expected() -> None:
    """Quiet is no sign; the distance is told to those who ask for it, with a sign or without."""
    level, expected = np.array([5 * ONE]), np.array([20 * ONE])
    exact = poisson(5, 20)

    found = [of(level, expected)[0] / ONE for of in (pace.surprise, pace.distance, pace.distance_signed)]

    assert found == pytest.approx([0, exact, -exact], abs=0.01)


def test_loud_is_further_than_quiet() -> None:
    """With the sign, events are ordered from quiet to loud."""
    level, expected = np.array([2, 20, 21, 90]) * ONE, np.full(4, 20 * ONE)

    assert (np.diff(pace.distance_signed(level, expected)) > 0).all()


@pytest.mark.parametrize(
    ("second", "level"),
    [(0, 2.0), (300, 1.5), (600, 1.25), (3600, 1.0), (-60, 2.0)],
    ids=["at once", "a half-life", "two", "an hour", "late"],
)
def test_a_level_halves_in_five_minutes(second: int, level: float) -> None:
    """An event and a second one later, across the hour's edge too; a late one counts as of now."""
    assert Counted().count([0, second], [(1, 1), (1, 1)])[1][0] == pytest.approx(level, abs=0.01)


def test_channels_are_counted_apart() -> None:
    """Each channel has its own weights and the key's clock."""
    assert Counted().count([0, 0], [(1, 0), (12, 3)]) == [[1.0, 0.0], [13.0, 3.0]]


def test_what_is_forgotten_is_never_nought() -> None:
    """A day later nothing is left, but a logarithm can be taken of it."""
    counted = Counted()
    counted.count([0], [(5, 5)])

    level = pace.count(counted.keyed([86_400 * 30]), "count", np.zeros((1, 2), np.int64))

    assert level.tolist() == [[1, 1]]


def test_hours_in_one_batch_are_taken_one_after_another() -> None:
    """Two keys with three hours and one: as if each event had come alone."""
    seconds, keys = [0, 10, 4000, 8000, 8100], [1, 2, 1, 1, 1]
    weights = np.ones((5, 2), np.int64)
    alone = Counted()
    expected = [
        pace.count(alone.keyed([second], [key]), "count", weights[:1])[0].tolist()
        for second, key in zip(seconds, keys, strict=True)
    ]

    together = Counted().keyed(seconds, keys)
    level: NDArray[np.int64] = np.zeros((5, 2), np.int64)
    level[together.runs.order] = pace.count(together, "count", weights)

    assert level.tolist() == expected


def test_no_events_have_no_levels() -> None:
    """An empty batch is grouped into nothing, and nothing is asked of the table."""
    nobody = Counted().keyed([], [])

    assert len(pace.count(nobody, "count", np.zeros((0, 2), np.int64))) == 0


BOTH: Final = (Rule(20), Rule(10))


@pytest.mark.parametrize(
    ("hour", "expected"),
    [(0, 20), (1, 20), (2, 150), (3, 149), (2 + 168, 75), (2 + 5000, 20)],
    ids=["the same hour", "the next", "two later", "three", "a week", "more than is in the table"],
)
def test_a_record_is_an_hour_late_and_fades(hour: int, expected: int) -> None:
    """What an hour taught counts after one to two hours, and fades with a half-life of a week."""
    counted = Counted()
    counted.judge(0, 100, *BOTH)

    assert counted.judge(hour, 1, *BOTH)[0][0] == pytest.approx(expected, abs=2)


def test_each_channel_has_its_own_floor() -> None:
    """The same level surprises more where less is expected."""
    expected, nats = Counted().judge(0, 40, *BOTH)

    assert (expected, nats) == ([20, 10], [int(poisson(40, 20)), int(poisson(40, 10))])


@pytest.mark.parametrize(
    ("rule", "level", "expected"),
    [
        (Rule(20), 100, 150),
        (Rule(20, hold=20), 50, 75),
        (Rule(20, hold=20), 60, 20),
        (Rule(20, spoil=20), 50, 75),
        (Rule(20, spoil=20), 60, 20),
        (Rule(20, hold=20), 10, 20),
    ],
    ids=["no limit", "below hold", "above hold", "below spoil", "above spoil", "below the floor"],
)
def test_what_may_be_learnt(rule: Rule, level: int, expected: int) -> None:
    """A level is learnt unless it surprises by more than the rule lets pass."""
    counted = Counted()
    counted.judge(0, level, rule, rule)

    found = counted.judge(2, 1, rule, rule)[0][0]

    assert found == pytest.approx(expected, abs=2)


@pytest.mark.parametrize(
    ("rule", "expected"), [(Rule(20, hold=20), 75), (Rule(20, spoil=20), 20)], ids=["held", "spoilt"]
)
@pytest.mark.parametrize("levels", [(50, 100), (100, 50)], ids=["before", "after"])
def test_a_held_level_leaves_the_hour_and_a_spoilt_one_does_not(
    rule: Rule, expected: int, levels: tuple[int, int]
) -> None:
    """`hold` passes over one level; `spoil` makes the hour teach nothing, what came before included."""
    counted = Counted()
    for level in levels:
        counted.judge(0, level, rule, rule)

    assert counted.judge(2, 1, rule, rule)[0][0] == pytest.approx(expected, abs=2)


def test_a_spoilt_hour_ends() -> None:
    """The hour after a spoilt one teaches again."""
    counted, rule = Counted(), Rule(20, spoil=20)
    counted.judge(0, 100, rule, rule)
    counted.judge(1, 40, rule, rule)

    assert counted.judge(3, 1, rule, rule)[0][0] == pytest.approx(60, abs=2)


def test_what_is_not_judged_neither_surprises_nor_teaches() -> None:
    """Bystanders: the level is looked at, and that is all."""
    counted = Counted()

    nats = counted.judge(0, 100, *BOTH, judged=False)[1]

    assert (nats, counted.judge(2, 1, *BOTH)[0]) == ([0, 0], [20, 10])


def test_no_record_is_higher_than_four_bytes_hold() -> None:
    """A level beyond all measure is learnt as the most that can be."""
    counted = Counted()
    counted.judge(0, 2**22, *BOTH)

    assert counted.judge(2, 1, *BOTH)[0][0] == pytest.approx(1.5 * pace.MOST_RECORD / ONE, rel=0.01)


def test_without_a_choice_all_are_judged() -> None:
    """`judged` may be left out."""
    counted = Counted()
    found = pace.judge(counted.keyed([0]), "record", np.full((1, 2), 100 * ONE), BOTH)

    assert (found.surprise[0] // ONE).tolist() == [int(poisson(100, 20)), int(poisson(100, 10))]
