"""Living: access tokens that may still be alive, of families that no gateway sees. PURE.

Where an issuer's access tokens do not carry the session, a family is refused by refusing each of its living tokens; so
the last few are kept with it. Only such events carry the digest of their access token (`RefreshBatch.access`), so this
costs nothing elsewhere. Part of a partition's state as the engine is: rebuilt by replaying the stream.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from detector.batch import RefreshBatch


class Token(NamedTuple):
    """One access token: its digest, 16 bytes, and when it ends, epoch milliseconds."""

    digest: bytes
    expires_at: int


class Living:
    """The last `tokens` access tokens of each of the `families` seen last."""

    def __init__(self, families: int = 100_000, tokens: int = 8) -> None:
        self._families = families
        self._tokens = tokens
        self._by_family: OrderedDict[int, deque[Token]] = OrderedDict()

    def see(self, batch: RefreshBatch, first: int, stop: int, life_ms: Callable[[int], int]) -> None:
        """Remember the tokens of the batch's rows from `first` to before `stop`.

        `life_ms` says of an issuer's key how long a token lives whose event does not say when it ends.
        """
        rows = first + np.flatnonzero((batch.access[first:stop] != 0) & (batch.family[first:stop] != 0))
        for row in rows.tolist():
            family = int(batch.family[row])
            ends = int(batch.access_exp[row]) or int(batch.at[row]) + life_ms(int(batch.issuer[row]))
            tokens = self._by_family.setdefault(family, deque(maxlen=self._tokens))
            tokens.append(Token(digest_at(batch, "access", row), ends))
            self._by_family.move_to_end(family)
            if len(self._by_family) > self._families:
                self._by_family.popitem(last=False)

    def of(self, family: int, at: int) -> list[Token]:
        """The family's tokens that have not ended at `at`, oldest first."""
        return [token for token in self._by_family.get(family, ()) if token.expires_at > at]

    def __len__(self) -> int:
        return len(self._by_family)


def digest_at(batch: RefreshBatch, column: str, row: int) -> bytes:
    """The 16-byte digest whose halves stand in `column` and `<column>_low`."""
    high, low = getattr(batch, column)[row], getattr(batch, f"{column}_low")[row]
    return int(high).to_bytes(8, "big") + int(low).to_bytes(8, "big")
