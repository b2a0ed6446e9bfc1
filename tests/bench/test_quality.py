"""The bench of quality counts what it says, and its intervals are Wilson's."""

import pytest

from bench.quality import run, wilson
from tokenward.simulate.habits import HABITS
from tokenward.simulate.thefts import KINDS


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 0, 0.0, 1.0), (0, 100, 0.0, 0.0370), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634)],
)
def test_intervals_are_wilsons(hits: int, n: int, low: float, high: float) -> None:
    """The textbook's values, to four digits."""
    assert (low, high) == pytest.approx(wilson(hits, n), abs=5e-5)


@pytest.mark.slow
def test_every_attack_and_habit_is_counted() -> None:
    """A small run has a row for each kind and habit; every session-day is in one row, and plain thefts are revoked."""
    figures = run(["--sessions", "500", "--days", "1", "--each", "1", "--no-storms"])
    attacks, habits = figures["attacks"], figures["habits"]

    assert isinstance(attacks, dict)
    assert isinstance(habits, dict)
    assert set(KINDS) == set(attacks)
    assert {habit.name for habit in HABITS} == set(habits)
    assert figures["honest_session_days"] == sum(row["session_days"] for row in habits.values())
    assert (1, 1) == (attacks["replayed_grandparent"]["attacks"], attacks["replayed_grandparent"]["revoked"])
