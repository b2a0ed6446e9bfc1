"""spread: one family in many places, or one origin at many families, that never met before.

A *pair* is a family and an address (a token and an address, where no family is named). It is a *contact* when the two
did not meet within the last hour, and *strangers* are a pair that met for the first time (or again after a day of
silence) less than an hour ago. Three counts are held against records (`detector.pace`):

- *in*: strangers' events at a family, a contact weighing 12, against the family's own record;
- *out*: the same at an origin, against the origin's own record;
- *pair*: all events of one pair, against the record of its origin over all its pairs: "has it ever done that?"

*In* and *out* are judged for strangers only, so that bystanders of an attack are not punished, and an hour in which
they surprised by more than `hour_nats` teaches nothing. The recipe is the design's, tried on the DARPA stream
(`docs/detection.md`). *In* needs a family whole and is counted in the telemetry's partition; *out* and *pair* need an
origin whole and are counted at the origin stage (`detector.origins`).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector import pace
from detector.batch import Kind, RefreshBatch
from detector.config import SpreadConfig
from detector.table import Keyed

HOUR_S = 3600
DAY_S = 86_400
CONTACT = 12
"""What a contact weighs, in events of strangers."""

PAIR_SCHEMA = {
    "met": np.dtype("u4"),  # when they met, seconds: for the first time, or after a day of silence
    "events": pace.counts(1),
}
FAMILY_SCHEMA = {"strangers": pace.counts(1), "strangers_record": pace.records(1)}

_MIX = np.uint64(0x9E3779B97F4A7C15)


ORIGIN_SCHEMA = {"reached": pace.counts(1), "reached_record": pace.records(2)}  # out; out and pair


class Met(NamedTuple):
    """What is known of each event's pair, (n,) in the batch's order."""

    contact: NDArray[np.bool_]
    stranger: NDArray[np.bool_]
    level: NDArray[np.int64]  # events of the pair, `pace.POINT` fractional bits; 0 where it is not counted


class Reach(NamedTuple):
    """What *out* and *pair* measured, (n, 2) in the order of the events, `pace.POINT` fractional bits."""

    level: NDArray[np.int64]
    expected: NDArray[np.int64]
    surprise: NDArray[np.int64]


class Spread(NamedTuple):
    """What *in* measured of contacts and strangers, (n,) in the batch's order, `pace.POINT` fractional bits."""

    level: NDArray[np.int64]
    expected: NDArray[np.int64]
    surprise: NDArray[np.int64]


def pair_keys(batch: RefreshBatch) -> NDArray[np.uint64]:
    """The key of each event's pair, (n,): only logins and refreshes from an address make one."""
    who = np.where(batch.family != 0, batch.family, batch.token)
    key = (who ^ (batch.origin >> np.uint64(29))) * _MIX ^ batch.origin
    asks = (batch.kind <= Kind.LOGIN) & (who != 0) & (batch.origin != 0)
    return np.where(asks, np.maximum(key, np.uint64(1)), np.uint64(0))


def meet(pairs: Keyed, n: int, counted: NDArray[np.bool_]) -> Met:
    """Find out how well each pair knows one another, and count its events; `counted` (n,) in the batch's order."""
    table, rows, runs, latest, before = pairs
    order = runs.order
    gone = latest - before > DAY_S
    head = np.zeros(len(latest), np.int64)
    head[runs.starts] = table.read("met", rows)
    since = np.where(gone, latest, head)
    begins = np.maximum.accumulate(np.where(gone | runs.first, np.arange(len(latest)), 0))
    met = since[begins]
    table.write("met", rows, met[runs.lasts].astype(np.uint32))
    level = pace.count(pairs, "events", counted[order, None].astype(np.int64))

    known = Met(np.zeros(n, bool), np.zeros(n, bool), np.zeros(n, np.int64))
    known.contact[order] = (latest - before > HOUR_S) & counted[order]
    known.stranger[order] = (latest - met < HOUR_S) & counted[order]
    known.level[order] = np.where(counted[order], level[:, 0], 0)
    return known


def measure(families: Keyed, met: Met, config: SpreadConfig) -> Spread:
    """Count strangers at each family, compare, and learn."""
    weight = _weight(met)
    visited = families.where(weight > 0)
    order = visited.runs.order
    level = pace.count(visited, "strangers", weight[order, None])
    rule = pace.Rule(config.family_floor, spoil=config.hour_nats)
    judged = pace.judge(visited, "strangers_record", level, [rule], met.stranger[order, None])
    spread = Spread(*(np.zeros(len(weight), np.int64) for _ in Spread._fields))
    spread.level[order] = level[:, 0]
    spread.expected[order] = judged.expected[:, 0]
    spread.surprise[order] = judged.surprise[:, 0]
    return spread


def reach(origins: Keyed, met: Met, config: SpreadConfig) -> Reach:
    """Count strangers at each origin, hold that and the pairs' levels against the origin's records, and learn."""
    order = origins.runs.order
    out = pace.count(origins, "reached", _weight(met)[order, None])
    level = np.concatenate([out, met.level[order, None]], axis=1)
    rules = [
        pace.Rule(config.origin_floor, spoil=config.hour_nats),
        pace.Rule(config.pair_floor, hold=config.hold_nats),
    ]
    judged = np.stack([met.stranger[order], np.ones(len(order), bool)], axis=1)
    found = pace.judge(origins, "reached_record", level, rules, judged)
    reached = Reach(*(np.zeros((len(met.stranger), 2), np.int64) for _ in Reach._fields))
    reached.level[order], reached.expected[order], reached.surprise[order] = level, found.expected, found.surprise
    return reached


def _weight(met: Met) -> NDArray[np.int64]:
    """What each event weighs in *in* and *out*."""
    return np.where(met.contact, CONTACT, met.stranger.astype(np.int64))
