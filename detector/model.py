"""Model: what an isolation forest says of measurements; a supplement that never revokes alone.

A tree of the forest asks random questions, "is this measurement at most so much?", until a measured row stands alone.
What is unusual stands alone after few questions: the shorter its mean path through the trees, the higher its score,
`2 ** -(mean path / usual path)` (Liu, Ting and Zhou, Isolation Forest, 2008). Here a forest is arrays, and all rows
walk down all trees at once, a level at a time.

Paths are whole numbers, so that their sum has the same bits however the rows are cut into batches. Heavy tails are
compressed to `log2(1 + x)`, read off the float's own bits with straight lines between the powers of two: exact on every
machine and for every length of array, where numpy's logarithms need not be.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from detector.verdict import MEASUREMENTS

SCHEMA: Final = 1
POINT: Final = 40
"""Binary digits of a path behind the point: a forest's rounding moves its score by less than 1e-12."""
MOST_TREES: Final = 1_000
MOST_NODES: Final = 1 << 20
MOST_PATH: Final = 64 << POINT
"""No tree on samples of up to a million rows is so deep: the sum of all paths fits 64 bits."""
GRADES: Final = 1_000

_CHUNK = 2_048
"""Rows that walk together: with 100 trees their places take 1.6 MB."""
_ONE = np.float32(1).view(np.int32)


class Model(Protocol):
    """What fusion asks."""

    def grade(self, measurements: NDArray[np.float32]) -> NDArray[np.int64]:
        """How unusual each row of (m, len(MEASUREMENTS)) is, thousandths, (m,); 500 is the middle."""
        ...


def compress(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """About `log2(1 + x)` of each value, exact in every bit; what is negative or no number counts as 0."""
    above = np.float32(1) + np.fmax(values, np.float32(0))
    digits: NDArray[np.float32] = (above.view(np.int32) - _ONE).astype(np.float32)
    return digits * np.float32(2.0**-23)


@dataclass(frozen=True, eq=False)
class Forest:
    """A fitted forest: N nodes of T trees, one tree after another.

    Raises:
        ValueError: the arrays contradict one another or are out of bounds; the sentence says how.
    """

    #: Names of the K measurements that are asked for.
    features: tuple[str, ...]
    #: int32 (T,): the node where each tree begins.
    root: NDArray[np.int32]
    #: int32 (N,): place in `features` of what the node asks for; 0 at leaves.
    feature: NDArray[np.int32]
    #: float64 (N,): compressed values up to this one go left.
    threshold: NDArray[np.float64]
    #: int32 (N,): where to go, always to a later node; a leaf leads to itself.
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    #: int64 (N,): length of the path that ends at this leaf, 2^-POINT questions.
    path: NDArray[np.int64]
    #: Sum of the paths of an ordinary row over all trees, 2^-POINT questions.
    usual: int

    def __post_init__(self) -> None:
        for sentence, fine in self._checks():
            if not fine:
                raise ValueError(sentence)
        for name, _ in _ARRAYS:
            getattr(self, name).setflags(write=False)

    def _checks(self) -> tuple[tuple[str, bool], ...]:
        """What must hold, in an order in which each may rely on those before."""
        nodes, trees = len(self.feature), len(self.root)
        place = np.arange(nodes)
        typed = all(getattr(self, name).dtype == dtype and getattr(self, name).ndim == 1 for name, dtype in _ARRAYS)
        alike = typed and {len(self.threshold), len(self.left), len(self.right), len(self.path)} == {nodes}
        counted = alike and 1 <= trees <= MOST_TREES and trees <= nodes <= MOST_NODES
        return (
            ("A forest's arrays have other types or lengths than they should.", alike),
            (f"A forest has 1 to {MOST_TREES} trees and at most {MOST_NODES} nodes.", counted),
            ("A forest asks for measurements that this version does not know.", self._knows()),
            ("A forest's node leads out of its bounds or backwards.", counted and self._leads(place)),
            ("A forest's thresholds are numbers.", counted and bool(np.isfinite(self.threshold).all())),
            ("A forest's paths are out of bounds.", counted and _within(self.path, 0, MOST_PATH) and self._is_usual()),
        )

    def _knows(self) -> bool:
        return 0 < len(self.features) == len(set(self.features)) and set(self.features) <= set(MEASUREMENTS)

    def _leads(self, place: NDArray[np.int64]) -> bool:
        ends = (self.left == place) & (self.right == place)
        onward = (self.left > place) & (self.right > place)
        inside = _within(self.root, 0, len(place) - 1) and _within(self.feature, 0, len(self.features) - 1)
        return inside and max(self.left.max(), self.right.max()) < len(place) and bool((ends | onward).all())

    def _is_usual(self) -> bool:
        return 0 < self.usual <= MOST_PATH * MOST_TREES

    @cached_property
    def levels(self) -> int:
        """How many questions the deepest leaf is away; nodes lead onward only, so that there is an end."""
        levels, nodes = 0, self.root
        while len(nodes := nodes[self.left[nodes] > nodes]):
            nodes = np.unique(np.concatenate([self.left[nodes], self.right[nodes]]))
            levels += 1
        return levels

    @cached_property
    def _limits(self) -> NDArray[np.int64]:
        """The longest sum of paths that has each grade, from the highest grade, 1000, to 1."""
        return np.array([int(-math.log2(g / GRADES) * self.usual) for g in range(GRADES, 0, -1)], np.int64)

    def score(self, measurements: NDArray[np.float32]) -> NDArray[np.float64]:
        """How unusual each row of float32 (m, len(MEASUREMENTS)) is, 0 to 1, (m,); 0.5 is the middle."""
        return np.exp2(-(self.paths(measurements) / self.usual))

    def grade(self, measurements: NDArray[np.float32]) -> NDArray[np.int64]:
        """The score in thousandths, rounded down, (m,): whole numbers all the way, alike however rows are batched."""
        return GRADES - np.searchsorted(self._limits, self.paths(measurements))

    def paths(self, measurements: NDArray[np.float32]) -> NDArray[np.int64]:
        """The sum over all trees of the length of each row's path, 2^-POINT questions, (m,)."""
        columns = compress(measurements[:, [MEASUREMENTS.index(name) for name in self.features]])
        parts = [self._walk(columns[start : start + _CHUNK]) for start in range(0, len(columns), _CHUNK)]
        return np.concatenate([np.zeros(0, np.int64), *parts])

    def _walk(self, columns: NDArray[np.float32]) -> NDArray[np.int64]:
        row = np.arange(len(columns))[:, None]
        node = np.broadcast_to(self.root, (len(columns), len(self.root)))
        for _ in range(self.levels):
            small = columns[row, self.feature[node]] <= self.threshold[node]
            node = np.where(small, self.left[node], self.right[node])
        total: NDArray[np.int64] = self.path[node].sum(axis=1)
        return total

    @property
    def version(self) -> str:
        """Names the content: equal forests have equal names, 8 hexadecimal digits."""
        return self._digest().hex()[:8]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The forest as arrays to be stored, none of which is an object; `of` reads them back."""
        return {
            "schema": np.array([SCHEMA], np.int64),
            "digest": np.frombuffer(self._digest(), np.uint8),
            "features": np.frombuffer(",".join(self.features).encode(), np.uint8),
            "usual": np.array([self.usual], np.int64),
            **{name: getattr(self, name) for name, _ in _ARRAYS},
        }

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The forest that `arrays` came of.

        Raises:
            ValueError: they are of another schema, damaged, or no forest.
        """
        if missing := {"schema", "digest", "features", "usual", *(name for name, _ in _ARRAYS)} - arrays.keys():
            raise ValueError(f"A forest's file lacks {', '.join(sorted(missing))}.")
        if arrays["schema"].tolist() != [SCHEMA]:
            raise ValueError(f"The forest's schema is not {SCHEMA}: train it again with this version.")
        usual = arrays["usual"].tolist()
        forest = cls(
            features=tuple(arrays["features"].astype(np.uint8).tobytes().decode(errors="replace").split(",")),
            usual=usual[0] if isinstance(usual, list) and usual and isinstance(usual[0], int) else 0,
            **{name: np.ascontiguousarray(arrays[name]) for name, _ in _ARRAYS},
        )
        if forest._digest() != arrays["digest"].tobytes():
            raise ValueError("The forest's digest does not fit its content: the file is damaged.")
        return forest

    def _digest(self) -> bytes:
        state = blake2b(repr((SCHEMA, self.features, self.usual)).encode(), digest_size=16)
        for name, dtype in _ARRAYS:
            array = getattr(self, name)
            state.update(f"{name} {len(array)} ".encode() + array.astype(np.dtype(dtype).newbyteorder("<")).tobytes())
        return state.digest()


_ARRAYS = tuple(
    (field.name, {"threshold": np.float64, "path": np.int64}.get(field.name, np.int32))
    for field in fields(Forest)
    if field.name not in {"features", "usual"}
)
"""The arrays of a forest, with their types."""


def _within(values: NDArray[Any], least: int, most: int) -> bool:
    return bool(values.min() >= least and values.max() <= most)
