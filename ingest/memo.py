"""Memo: what was worked out for a key, remembered as a row of a table, so that a batch is one gather. Bounded."""

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

K = TypeVar("K")


class Memo(dict[K, int], Generic[K]):
    """Key -> row of a structured array; `make` works a row out for a key that is new.

    Forgets everything at the start of a batch that finds more than `capacity` keys: cheaper than to keep an order of
    use, and what is in use is soon back. So it never holds more than `capacity` keys and one batch's.
    """

    def __init__(self, make: Callable[[K], tuple[Any, ...]], dtype: np.dtype[np.void], capacity: int) -> None:
        super().__init__()
        self._make = make
        self._capacity = capacity
        self._rows: NDArray[np.void] = np.zeros(1024, dtype)

    def __missing__(self, key: K) -> int:
        row = len(self)
        if row == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        self._rows[row] = self._make(key)
        self[key] = row
        return row

    def look_up(self, keys: Iterable[K], n: int) -> NDArray[np.void]:
        """The rows of `n` keys, (n,), in a copy."""
        if len(self) > self._capacity:
            self.clear()
        rows = np.fromiter(map(self.__getitem__, keys), np.int64, n)
        return self._rows[rows]
