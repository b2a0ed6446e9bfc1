"""cadence: a family or a subject refreshes far more often than it ever did.

A refresh grant has a natural pace, the access token's lifetime. Both counts are held against their own records
(`detector.pace`); the larger surprise counts. What bursts within one family is that family's: the subject's count takes
the others alone, so that a person's other sessions do not pay for it.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector import pace
from detector.batch import Kind, RefreshBatch
from detector.config import CadenceConfig
from detector.table import Keyed

SCHEMA = {"cadence": pace.counts(1), "cadence_record": pace.records(1)}


class Cadence(NamedTuple):
    """What was measured, (n,) in the batch's order, in events and nats with `pace.POINT` fractional bits."""

    family: NDArray[np.int64]
    subject: NDArray[np.int64]
    expected: NDArray[np.int64]  # of the one that surprises more
    surprise: NDArray[np.int64]


def measure(
    families: Keyed, subjects: Keyed, batch: RefreshBatch, fresh: NDArray[np.bool_], config: CadenceConfig
) -> Cadence:
    """Count the refreshes among the `fresh` events (those not delivered before), compare, and learn."""
    counted = fresh & (batch.kind == Kind.REFRESH)
    calm = counted
    surprise, expected = np.zeros(len(batch), np.int64), np.zeros(len(batch), np.int64)
    levels = []
    for keyed, floor in ((families, config.family_floor), (subjects, config.subject_floor)):
        order = keyed.runs.order
        counts = pace.count(keyed, "cadence", calm[order, None].astype(np.int64))
        rule = pace.Rule(floor, hold=config.watch_nats, spoil=config.watch_nats)
        judged = pace.judge(keyed, "cadence_record", counts, [rule], calm[order, None])
        level = np.zeros(len(batch), np.int64)
        level[order] = counts[:, 0]
        more = judged.surprise[:, 0] >= surprise[order]
        surprise[order[more]], expected[order[more]] = judged.surprise[more, 0], judged.expected[more, 0]
        levels.append(level)
        calm = counted & (surprise == 0)
    return Cadence(levels[0], levels[1], expected, np.where(counted, surprise, 0))
