"""Training: measurements to a forest, by scikit-learn; its trees become plain arrays (`detector.model`)."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import IsolationForest

from detector.model import POINT, Forest, compress
from detector.verdict import MEASUREMENTS

FEATURES: Final = tuple(
    name
    for name in MEASUREMENTS
    if name not in {"cadence_usual", "model_score", "systemic_families", "systemic_share", "client_families"}
)
"""What the forest looks at: evidence about the event's own family and subject. Not what it is compared with, not what
populations do, not the forest's own answer."""

TREES: Final = 100
SAMPLES: Final = 256
"""As in the paper: more trees or larger samples hardly change the score."""
LEAST_ROWS: Final = SAMPLES
"""Fewer rows would not even fill one tree's sample."""


def fit(measurements: NDArray[np.float32], seed: int) -> Forest:
    """A forest of what is usual.

    Args:
        measurements: (m, len(MEASUREMENTS)), mostly of honest events, m at least LEAST_ROWS.
        seed: the same seed and rows give the same forest.

    Raises:
        ValueError: there are too few rows.
    """
    if len(measurements) < LEAST_ROWS:
        raise ValueError(f"A forest needs at least {LEAST_ROWS} measured events; there are {len(measurements)}.")
    fitted = IsolationForest(n_estimators=TREES, max_samples=SAMPLES, random_state=seed)
    fitted.fit(compress(measurements[:, [MEASUREMENTS.index(name) for name in FEATURES]]))
    return exported(fitted)


def exported(fitted: IsolationForest) -> Forest:
    """The trees of a forest that was fitted on compressed FEATURES."""
    trees = [estimator.tree_ for estimator in fitted.estimators_]
    starts = np.cumsum([0, *(tree.node_count for tree in trees)])
    nodes = [_nodes(tree, int(start)) for tree, start in zip(trees, starts[:-1], strict=True)]
    usual = len(trees) * _expected_path(np.array([fitted.max_samples_]))[0]
    return Forest(
        features=FEATURES,
        root=starts[:-1].astype(np.int32),
        usual=round(float(usual) * 2**POINT),
        **{name: np.concatenate([arrays[name] for arrays in nodes]) for name in nodes[0]},
    )


def _nodes(tree: Any, start: int) -> dict[str, NDArray[Any]]:
    """One tree's arrays, its nodes numbered from `start`."""
    here = np.arange(tree.node_count)
    leaf = tree.children_left < 0
    questions = tree.compute_node_depths() - 1.0 + _expected_path(tree.n_node_samples)
    return {
        "feature": np.where(leaf, 0, tree.feature).astype(np.int32),
        "threshold": np.where(leaf, 0.0, tree.threshold),
        "left": (np.where(leaf, here, tree.children_left) + start).astype(np.int32),
        "right": (np.where(leaf, here, tree.children_right) + start).astype(np.int32),
        "path": np.rint(questions * 2**POINT).astype(np.int64),
    }


def _expected_path(rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Questions until one of so many rows stands alone, on average; the paper's c(n)."""
    several = np.maximum(rows, 3).astype(np.float64)
    mean = 2 * (np.log(several - 1) + np.euler_gamma) - 2 * (several - 1) / several
    return np.select([rows <= 1, rows == 2], [0.0, 1.0], mean)  # noqa: PLR2004 - two rows: one question
