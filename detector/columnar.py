"""Columnar: rows as parallel contiguous columns, with the few operations that all such values share."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

Schema = Mapping[str, tuple[str, int]]
"""Each column's dtype and what it holds where a row does not say."""


@dataclass(frozen=True, slots=True, eq=False)
class Columnar:
    """Base of frozen dataclasses whose fields are the columns of `SCHEMA`, all of shape (n,)."""

    SCHEMA: ClassVar[Schema] = {}

    @classmethod
    def of(cls, **columns: Sequence[int] | NDArray[np.generic]) -> Self:
        """Build it; columns that are not given hold what "not known" is in `SCHEMA`.

        Raises:
            ValueError: a column is not of the schema, or the columns differ in length.
        """
        unknown = columns.keys() - cls.SCHEMA.keys()
        lengths = {len(column) for column in columns.values()}
        if unknown or len(lengths) > 1:
            raise ValueError(f"Columns of one length named in SCHEMA are needed; got {sorted(unknown)} of {lengths}.")
        n = lengths.pop() if lengths else 0
        return cls(
            **{
                name: np.ascontiguousarray(columns[name], dtype=dtype) if name in columns else np.full(n, fill, dtype)
                for name, (dtype, fill) in cls.SCHEMA.items()
            }
        )

    @classmethod
    def empty(cls) -> Self:
        """No rows."""
        return cls.of()

    @classmethod
    def concat(cls, parts: Iterable[Self]) -> Self:
        """The rows of all parts, one after another."""
        whole = [cls.empty(), *parts]
        return cls(**{name: np.concatenate([getattr(part, name) for part in whole]) for name in cls.SCHEMA})

    def take(self, rows: slice | NDArray[np.integer] | NDArray[np.bool_]) -> Self:
        """The rows asked for, in that order."""
        return type(self)(**{name: getattr(self, name)[rows] for name in self.SCHEMA})

    def __len__(self) -> int:
        return len(getattr(self, next(iter(self.SCHEMA))))
