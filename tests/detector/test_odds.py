"""Ladders and odds: grades to weights to scores."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.odds import GROUPS, MOST_WEIGHT, Ladder, Odds
from detector.verdict import CHANNELS
from detector.weights import ODDS, ORIGIN_ODDS


def row(**grades: int) -> NDArray[np.int64]:
    """One event's grades."""
    return np.array([[grades.get(channel, 0) for channel in CHANNELS]], np.int64)


def told(values: NDArray[np.int64]) -> dict[str, int]:
    """The channels of one event that are not 0."""
    return {channel: value for channel, value in zip(CHANNELS, values[0].tolist(), strict=True) if value}


@pytest.mark.parametrize(
    ("edges", "weights"),
    [
        ((2, 1), (1, 2)),
        ((1, 1), (1, 2)),
        ((1, 2), (2, 1)),
        ((1, 2), (1,)),
        ((1,), (-1,)),
        ((1,), (2 * MOST_WEIGHT + 1,)),
    ],
    ids=["falling edges", "equal edges", "falling weights", "one is missing", "below nothing", "beyond measure"],
)
def test_ladders_must_rise(edges: tuple[int, ...], weights: tuple[int, ...]) -> None:
    """More suspicion never weighs less, and nothing weighs beyond what a score can show."""
    with pytest.raises(ValueError, match="ladder"):
        Ladder(edges, weights)


def test_a_ladder_counts_from_its_edge_on() -> None:
    """A grade has the weight of the last edge that it reached; below the first it weighs nothing."""
    ladder = Ladder((3, 5, 9), (10, 10, 30))

    assert ladder.of(np.array([-1, 0, 2, 3, 5, 8, 9, 10**12])).tolist() == [0, 0, 0, 10, 10, 10, 30, 30]


def test_a_channel_that_does_not_exist_is_refused() -> None:
    """One sentence names it and those that there are."""
    with pytest.raises(ValueError, match="no channel colour; there are reuse"):
        Odds(-9_000, {"colour": Ladder((1,), (1,))})


def test_a_channel_without_a_ladder_weighs_nothing() -> None:
    """Whatever its grade."""
    assert told(Odds(-9_000, {"reuse": Ladder((1,), (500,))}).weigh(row(reuse=5, travel=3))) == {"reuse": 500}


@pytest.mark.parametrize(
    ("grades", "counting"),
    [
        ({"cadence": 60, "failure": 60, "spread": 20}, {"cadence"}),
        ({"cadence": 20, "failure": 60, "spread": 20}, {"failure"}),
        ({"spread": 50}, {"spread"}),
        ({"reuse": 4, "travel": 2, "cadence": 20}, {"reuse", "travel", "cadence"}),
    ],
    ids=["equals", "the stronger", "alone", "independent"],
)
def test_signals_of_one_burst_count_once(grades: dict[str, int], counting: set[str]) -> None:
    """Of a group only the strongest weighs (of equals the first); groups add up."""
    weighed = told(ODDS.weigh(row(**grades)))

    alone = told(ODDS.weigh_alone(row(**grades)))
    assert weighed == {channel: alone[channel] for channel in counting}
    assert set(alone) == set(grades)


def test_each_channel_stands_in_one_group() -> None:
    """None counts twice, none is left out."""
    assert sorted(CHANNELS) == sorted(channel for group in GROUPS for channel in group)


@pytest.mark.parametrize("total", [-9_210, 0, 690, 4_790, MOST_WEIGHT])
def test_a_score_is_the_probability_of_the_sum(total: int) -> None:
    """1 / (1 + exp(-x)), to the hundredth of a nat that the table has."""
    score = Odds(total, {}).score(row())[0]

    assert score == pytest.approx(1 / (1 + math.exp(-total / 1000)), abs=1e-5)


def test_scores_are_bounded() -> None:
    """Every sum beyond the most is as the most: never above 1, never below 0."""
    beyond = [
        Odds(prior, {}).score(row(reuse=weight))[0] for prior, weight in ((-99_999, 0), (99_999, 9 * MOST_WEIGHT))
    ]

    assert beyond == [Odds(-MOST_WEIGHT, {}).score(row())[0], Odds(MOST_WEIGHT, {}).score(row())[0]]
    assert 0 <= beyond[0] < beyond[1] <= 1


def test_the_version_names_the_content() -> None:
    """Another prior, edge, weight or channel is another version; another order or source is not."""
    reuse, travel = Ladder((1,), (5,)), Ladder((1,), (6,))
    one = Odds(-1, {"reuse": reuse, "travel": travel})
    others = [
        Odds(-2, {"reuse": reuse, "travel": travel}),
        Odds(-1, {"reuse": reuse}),
        Odds(-1, {"reuse": reuse, "travel": Ladder((2,), (6,))}),
        Odds(-1, {"reuse": reuse, "travel": Ladder((1,), (7,))}),
    ]

    assert one.version == Odds(-1, {"travel": travel, "reuse": reuse}, source="elsewhere").version
    assert len({one.version, *(other.version for other in others)}) == 5


def test_a_table_cannot_be_changed() -> None:
    """What a verdict's version names stays what it is, though the mapping that it was made of changes."""
    ladders = {"reuse": Ladder((1,), (5,))}
    odds = Odds(-1, ladders)
    ladders.clear()

    assert told(odds.weigh(row(reuse=1))) == {"reuse": 5}


def test_an_origin_that_reaches_far_is_watched_at_most() -> None:
    """At the origin stage `spread` alone stays below quarantine, whatever its grade; refusals may reach it."""
    scores = [ORIGIN_ODDS.score(ORIGIN_ODDS.weigh(row(**{channel: 10**9})))[0] for channel in ("spread", "failure")]

    assert [score >= 0.5 for score in scores] == [False, True]
