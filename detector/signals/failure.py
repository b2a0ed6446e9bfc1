"""failure: refreshes that are refused again and again; at an origin, of families that it never met: token stuffing.

A refusal counts where it says that the token is wrong. That a session has ended or expired is everyday life: phones
wake up, tabs stay open. Refusals that an announced signing-key rollover explains are not counted at all.

At an origin only first attempts of strangers count (`detector.signals.spread`), logins never. A foreign token weighs
`FOREIGN`, an everyday refusal 1, and only the former is judged. They must be a share of the origin's first attempts,
too: a carrier's address that thousands share has some every day. Low and slow is counted as well, with time running
`SLOWER` times slower: a half-life of six hours, records of three days.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector import pace
from detector.batch import Fault, Kind, Outcome, RefreshBatch
from detector.config import FailureConfig
from detector.table import Keyed

SCHEMA = {"refusals": pace.counts(1), "refusals_record": pace.records(1)}

EVERYDAY = (Fault.ENDED, Fault.EXPIRED)
"""Faults that are no sign of a wrong token."""


ORIGIN_SCHEMA = {
    "foreign": pace.counts(2),  # weighted refusals, contacts
    "foreign_record": pace.records(1),
    "slow": pace.counts(2),
    "slow_record": pace.records(1),
}

FOREIGN = 4
"""What a foreign token weighs."""
SLOWER = 72
CONTACTS = 2
"""Weighted refusals must be at least contacts divided by this: one contact in eight brings a foreign token."""


class Failure(NamedTuple):
    """What was measured of the refusals that count, (n,) in the batch's order, `pace.POINT` fractional bits."""

    unexplained: NDArray[np.bool_]  # refused, and no rollover explains it
    refused: NDArray[np.bool_]  # of these, the refusals that say the token is wrong
    level: NDArray[np.int64]
    surprise: NDArray[np.int64]


def _unexplained(batch: RefreshBatch, fresh: NDArray[np.bool_], config: FailureConfig) -> NDArray[np.bool_]:
    """Which of the `fresh` events (n,) are refusals that nothing explains."""
    refused: NDArray[np.bool_] = fresh & (batch.kind == Kind.REFRESH) & (batch.outcome == Outcome.REFUSED)
    for quiet in config.rollovers:
        inside = (batch.at >= quiet.begins) & (batch.at < quiet.ends)
        refused &= ~(inside & (batch.issuer == np.uint64(quiet.issuer)))
    return refused


def measure(families: Keyed, batch: RefreshBatch, fresh: NDArray[np.bool_], config: FailureConfig) -> Failure:
    """Count each family's refusals, compare, and learn."""
    unexplained = _unexplained(batch, fresh, config)
    refused = unexplained & ~np.isin(batch.fault, EVERYDAY)
    failing = families.where(refused)
    order = failing.runs.order
    level = pace.count(failing, "refusals", np.ones((len(order), 1), np.int64))
    rule = pace.Rule(config.family_floor, hold=config.hold_nats, spoil=config.hold_nats)
    judged = pace.judge(failing, "refusals_record", level, [rule])
    failure = Failure(unexplained, refused, np.zeros(len(batch), np.int64), np.zeros(len(batch), np.int64))
    failure.level[order] = level[:, 0]
    failure.surprise[order] = judged.surprise[:, 0]
    return failure


class Stuffing(NamedTuple):
    """What was measured at origins, (n,) in the order of the events, `pace.POINT` fractional bits."""

    level: NDArray[np.int64]
    surprise: NDArray[np.int64]  # the larger of fast and slow


def stuffing(
    origins: Keyed,
    contact: NDArray[np.bool_],
    refused: NDArray[np.bool_],
    fault: NDArray[np.uint8],
    floor: int,
    hold: int,
) -> Stuffing:
    """Count strangers' refusals at each origin, fast and slow, compare, and learn.

    Args:
        origins: n events grouped by origin.
        contact: (n,) first attempts of strangers.
        refused: (n,) refusals that nothing explains.
        fault: (n,) `Fault`.
        floor: no record is taken to be lower, weighted refusals.
        hold: nats above which a level is not learnt.
    """
    order = origins.runs.order
    foreign = contact & refused & ~np.isin(fault, EVERYDAY)
    weight = np.where(foreign, FOREIGN, contact & refused)
    weights = np.stack([weight, contact], axis=1)[order]
    fast = _foreign(origins, "foreign", weights, foreign[order], pace.Rule(floor, hold=hold))
    slower = origins._replace(latest=origins.latest // SLOWER)
    slow = _foreign(slower, "slow", weights, foreign[order], pace.Rule(floor, hold=hold))
    found = Stuffing(np.zeros(len(contact), np.int64), np.zeros(len(contact), np.int64))
    found.level[order] = fast.level
    found.surprise[order] = np.maximum(fast.surprise, slow.surprise)
    return found


def _foreign(
    origins: Keyed, name: str, weights: NDArray[np.int64], foreign: NDArray[np.bool_], rule: pace.Rule
) -> Stuffing:
    level = pace.count(origins, name, weights)
    nats = pace.judge(origins, f"{name}_record", level[:, :1], [rule], foreign[:, None]).surprise[:, 0]
    share = level[:, 0] * CONTACTS >= level[:, 1]
    return Stuffing(level[:, 0], np.where(share, nats, 0))
