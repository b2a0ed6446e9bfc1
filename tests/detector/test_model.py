"""The forest: scikit-learn's scores, however rows are batched, and nothing that is no forest."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from detector.model import GRADES, MOST_PATH, Forest, compress
from detector.training import FEATURES, LEAST_ROWS, SAMPLES, TREES, exported, fit
from detector.verdict import MEASUREMENTS

Arrays = dict[str, NDArray[np.generic]]


def measured(rows: int, seed: int = 1) -> NDArray[np.float32]:
    """Heavy-tailed measurements as signals leave them, many of them 0."""
    rng = np.random.default_rng(seed)
    values = np.exp(rng.normal(0, 3, (rows, len(MEASUREMENTS))))
    return np.where(rng.random(values.shape) < 0.5, 0, values).astype(np.float32)


@pytest.fixture(scope="module")
def forest() -> Forest:
    """A forest of a thousand rows."""
    return fit(measured(1_000), seed=3)


def test_it_scores_as_scikit_learn_does() -> None:
    """Exported trees give scikit-learn's own scores to 1e-9, for rows it knows and for wild ones."""
    known, wild = measured(2_000), measured(5_000, seed=2) * np.float32(100)
    columns = [MEASUREMENTS.index(name) for name in FEATURES]
    fitted = IsolationForest(n_estimators=TREES, max_samples=SAMPLES, random_state=7).fit(compress(known[:, columns]))
    rows = np.concatenate([known, wild])

    score = exported(fitted).score(rows)

    np.testing.assert_allclose(score, -fitted.score_samples(compress(rows[:, columns])), rtol=0, atol=1e-9)


def test_what_is_far_out_stands_out(forest: Forest) -> None:
    """A row beyond everything that was seen scores above nearly all that was."""
    far = np.full((1, len(MEASUREMENTS)), 1e6, np.float32)

    assert forest.score(far)[0] > np.quantile(forest.score(measured(1_000)), 0.99)


def test_grades_are_the_score_in_thousandths(forest: Forest) -> None:
    """A grade is the score rounded down."""
    rows = measured(3_000, seed=4)

    np.testing.assert_array_equal(np.floor(forest.score(rows) * GRADES), forest.grade(rows))


def test_batches_do_not_matter(forest: Forest) -> None:
    """Any cut, any order and any memory layout of the rows gives the same grades and paths."""
    rows = measured(5_000, seed=5)
    whole = forest.paths(rows)
    cuts = [0, 1, 2, 7, 1_000, 3_333, 5_000]
    parts = [forest.paths(rows[a:b]) for a, b in pairwise(cuts)]

    np.testing.assert_array_equal(whole, np.concatenate(parts))
    np.testing.assert_array_equal(whole, forest.paths(np.asfortranarray(rows)))
    np.testing.assert_array_equal(whole[::-1], forest.paths(rows[::-1]))
    np.testing.assert_array_equal(forest.grade(rows), [forest.grade(rows[i : i + 1])[0] for i in range(5_000)])


def test_no_rows_have_no_grades(forest: Forest) -> None:
    """An empty batch is graded too."""
    assert (0,) == forest.grade(measured(0)).shape


def test_compressed_values_keep_their_order_and_their_logarithm() -> None:
    """Compression never falls, is within a twelfth of log2(1 + x), and takes what is no number for 0."""
    values = np.sort(np.exp(np.random.default_rng(1).normal(0, 9, 10_000))).astype(np.float32)

    compressed = compress(values)

    assert bool((np.diff(compressed) >= 0).all())
    np.testing.assert_allclose(compressed, np.log2(1 + values.astype(float)), rtol=0, atol=1 / 11)
    np.testing.assert_array_equal([0, 0, 128], compress(np.array([np.nan, -5, np.inf], np.float32)))


def test_the_same_seed_gives_the_same_forest(forest: Forest) -> None:
    """Training is repeatable, and another seed is another forest."""
    assert forest.version == fit(measured(1_000), seed=3).version
    assert forest.version != fit(measured(1_000), seed=4).version


def test_too_few_rows_are_refused() -> None:
    """A forest of fewer rows than one tree's sample is not grown."""
    with pytest.raises(ValueError, match=f"at least {LEAST_ROWS} measured events; there are 10"):
        fit(measured(10), seed=1)


def test_constant_rows_are_a_forest_of_stumps() -> None:
    """Rows that are all alike give trees without questions, and everything is as usual as can be."""
    stumps = fit(np.zeros((LEAST_ROWS, len(MEASUREMENTS)), np.float32), seed=1)

    assert 0 == stumps.levels
    np.testing.assert_array_equal([500], stumps.grade(measured(1)))


def test_a_forest_comes_back_from_its_arrays(forest: Forest) -> None:
    """What was stored scores as what was fitted."""
    again = Forest.of(forest.arrays())

    assert forest.version == again.version
    np.testing.assert_array_equal(forest.grade(measured(100)), again.grade(measured(100)))


def changed(name: str, value: object) -> Callable[[Arrays], Arrays]:
    """The arrays with one of them replaced."""
    return lambda arrays: {**arrays, name: np.asarray(value)}


def poked(name: str, value: float) -> Callable[[Arrays], Arrays]:
    """The arrays with the first element of one of them replaced."""

    def poke(arrays: Arrays) -> Arrays:
        array = arrays[name].copy()
        array[0] = value
        return {**arrays, name: array}

    return poke


BAD: dict[str, tuple[Callable[[Arrays], Arrays], str]] = {
    "missing": (lambda arrays: {n: a for n, a in arrays.items() if n != "left"}, "lacks left"),
    "schema": (changed("schema", [2]), "schema is not 1"),
    "digest": (poked("digest", 255), "digest does not fit"),
    "content": (poked("path", 1), "digest does not fit"),
    "types": (lambda arrays: {**arrays, "left": arrays["left"].astype(np.float64)}, "other types or lengths"),
    "shape": (lambda arrays: {**arrays, "left": arrays["left"][None, :]}, "other types or lengths"),
    "lengths": (lambda arrays: {**arrays, "left": arrays["left"][:-1]}, "other types or lengths"),
    "no_trees": (changed("root", np.zeros(0, np.int32)), "1 to 1000 trees"),
    "features": (changed("features", np.frombuffer(b"shoe_size", np.uint8)), "does not know"),
    "root": (poked("root", -1), "out of its bounds"),
    "feature": (poked("feature", 99), "out of its bounds"),
    "onward": (poked("left", 1 << 30), "out of its bounds"),
    "backwards": (poked("right", -1), "backwards"),
    "threshold": (poked("threshold", np.nan), "thresholds are numbers"),
    "path": (poked("path", MOST_PATH + 1), "paths are out of bounds"),
    "usual": (changed("usual", [0]), "paths are out of bounds"),
    "usual_is_none": (changed("usual", np.zeros(0, np.int64)), "paths are out of bounds"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_forest_is_refused(forest: Forest, name: str) -> None:
    """Arrays of another schema, damaged or out of bounds are refused with a sentence."""
    damage, sentence = BAD[name]

    with pytest.raises(ValueError, match=sentence):
        Forest.of(damage(forest.arrays()))


def test_a_forest_cannot_be_changed(forest: Forest) -> None:
    """Its arrays are read-only, and another forest is another value."""
    with pytest.raises(ValueError, match="read-only"):
        forest.path[0] = 1

    assert forest.version != replace(forest, usual=forest.usual + 1).version
