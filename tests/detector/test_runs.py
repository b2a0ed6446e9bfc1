"""Runs: grouping by key, and what came before each event."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detector.runs import Runs, Trail, stable_order

ALIKE = 0xFFFF_0000_0000_0000
"""Keys above this differ in their low bits alone."""

KEYS = st.lists(st.one_of(st.integers(0, 4), st.integers(ALIKE, ALIKE + 3), st.integers(0, 2**64 - 1)), max_size=60)


@given(KEYS)
def test_the_order_is_the_stable_one(keys: list[int]) -> None:
    """The quick way equals a stable argsort, keys that are nearly alike included."""
    column = np.array(keys, np.uint64)

    assert stable_order(column).tolist() == np.argsort(column, kind="stable").tolist()


@given(KEYS)
def test_runs_hold_each_key_once_in_order_of_arrival(keys: list[int]) -> None:
    """Runs are the events of one key; events without a key are in none."""
    runs = Runs(np.array(keys, np.uint64))

    expected = {key: [row for row, k in enumerate(keys) if k == key] for key in sorted(set(keys) - {0})}
    found = {
        int(key): runs.order[start : last + 1].tolist()
        for key, start, last in zip(runs.keys, runs.starts, runs.lasts, strict=True)
    }
    assert found == expected
    assert list(found) == list(expected)


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(-1, 99), st.booleans()), max_size=40), st.integers(-1, 99))
def test_looking_back_equals_a_loop(events: list[tuple[int, int, bool]], head: int) -> None:
    """Shift, running maximum, count and last chosen position are those of a plain loop over each run."""
    runs = Runs(np.array([k for k, _, _ in events], np.uint64))
    values = np.array([v for _, v, _ in events], np.int64)[runs.order]
    chosen = np.array([c for _, _, c in events], bool)[runs.order]
    heads = np.full(len(runs), head)

    expected = []
    for start, last in zip(runs.starts.tolist(), runs.lasts.tolist(), strict=True):
        before, highest, count, latest = head, head, 0, -1
        for place in range(start, last + 1):
            highest = max(highest, int(values[place]))
            expected.append((before, highest, count, latest))
            before = int(values[place])
            count, latest = (count + 1, place) if chosen[place] else (count, latest)
    columns = (
        runs.before(values, heads),
        runs.running_max(values, heads),
        runs.count_before(chosen),
        runs.last_before(chosen),
    )
    assert list(zip(*(c.tolist() for c in columns), strict=True)) == expected
    assert runs.total(chosen).sum() == chosen.sum()


def test_only_keeps_the_chosen_runs() -> None:
    """A part of the runs is what grouping their events alone gives."""
    runs = Runs(np.array([7, 5, 7, 9, 5], np.uint64))

    part = runs.only(np.array([0, 2]))

    assert part.keys.tolist() == [5, 9]
    assert part.order.tolist() == [1, 4, 3]


def test_a_trail_looks_back_into_memory_and_batch() -> None:
    """The newest entries before an event come first from the batch, then from what was remembered."""
    runs = Runs(np.array([1, 2, 1, 1], np.uint64))
    trail = Trail(runs, np.array([True, False, True, True]), 2)

    flat = trail.lay(np.array([[10, 11], [20, 21]]), np.array([100, 101, 102, 200]))

    looked_back = flat[trail.slot[:, None] - np.array([1, 2])]
    assert looked_back.tolist() == [[11, 10], [100, 11], [100, 11], [21, 20]]
