"""Memo: remembered rows stay right and bounded."""

import numpy as np

from ingest.memo import Memo


def test_what_is_remembered_is_bounded() -> None:
    """However many different keys come, no more than the capacity and one batch are remembered; rows stay right."""
    memo: Memo[int] = Memo(lambda key: (key * 2,), np.dtype([("key", "u8")]), capacity=2000)
    sizes = []
    for start in range(0, 10_000, 500):
        keys = range(start, start + 500)
        assert [key * 2 for key in keys] == memo.look_up(keys, 500)["key"].tolist()
        sizes.append(len(memo))

    assert max(sizes) <= 2500
