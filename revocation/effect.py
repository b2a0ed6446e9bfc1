"""Effect: whether providers act. A revoked family that is refreshed all the same shows that they do not. PURE."""

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from detector.batch import Kind, Outcome, RefreshBatch


class Revoked:
    """The families that were revoked last, by key: since when, and until when their entries stand by stream time."""

    def __init__(self, families: int = 10_000) -> None:
        self._capacity = families
        self._spans: OrderedDict[int, tuple[int, int]] = OrderedDict()
        self._keys: NDArray[np.uint64] | None = None

    def add(self, family: int, at: int, until: int) -> None:
        """The family is revoked since `at`, or since before, until `until` or longer."""
        since, ends = self._spans.pop(family, (at, until))
        self._spans[family] = (min(since, at), max(ends, until))
        if len(self._spans) > self._capacity:
            self._spans.popitem(last=False)
        self._keys = None

    def forget(self, family: int) -> None:
        """The family was released."""
        self._spans.pop(family, None)
        self._keys = None

    def holds(self, family: int, at: int) -> bool:
        """Whether an event of the family at `at` comes after its revocation and before its end."""
        since, ends = self._spans.get(family, (at, at))
        return since < at < ends

    def refreshed(self, batch: RefreshBatch, flagged: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of successful refreshes of families that are revoked, or may become so: those at rows `flagged`.

        Few of the batch's rows come into question, so all are held at once against the few families, sorted.
        """
        if not len(flagged) and not self._spans:
            return np.empty(0, np.int64)
        if self._keys is None:
            self._keys = np.sort(np.fromiter(self._spans, np.uint64, len(self._spans)))
        families = np.unique(np.concatenate([self._keys, batch.family[flagged]]))
        place = np.minimum(np.searchsorted(families, batch.family), len(families) - 1)
        succeeded = (batch.kind == Kind.REFRESH) & (batch.outcome == Outcome.SUCCESS) & (batch.family != 0)
        return np.flatnonzero(succeeded & (families[place] == batch.family))

    def __len__(self) -> int:
        return len(self._spans)
