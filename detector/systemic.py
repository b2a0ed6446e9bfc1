"""systemic: a sign that a whole population shows at once is no attack on each of its members; its evidence is held.

Each event belongs to segments: the client's release (client and user agent), the client, the autonomous system, the
issuer. A segment counts its active families, and those that show a sign, each family once in five minutes
(for travel, once in three hours):

- *reuse*: a replayed token that comes from where it was used (a release that forgets to store the new token);
- *travel*: an impossible move, accepted, of a device that is not new (a wrong GeoIP update);
- *volume*: a burst of a device that is not new (a release that refreshes in a loop), or refusals at an address that the
  family knows (an outage and its retries, a key rollover): foreign tokens are tried where their families never were.

Where the number of families with a sign surprises against the segment's own record (`detector.pace`) and is a stated
share of the active ones, the sign's evidence is held in that segment until `hold_ms` after the last surprise. What a
narrower segment holds is not counted in a wider one, so that one bad release does not blind a whole issuer. The event
at which holding begins is the incident; it names the widest segment that is hit as evenly as the narrowest.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector import pace
from detector.batch import RefreshBatch
from detector.config import SystemicConfig
from detector.runs import Runs
from detector.table import LATEST_S, Keyed, Table
from detector.verdict import Reason, Segment

SLOT_S = 300
"""A family counts once in this time."""
SLOWER = 36
"""A wrong position shows as people move, over hours: travel is counted with time running so much slower."""
MOST_MOVED = 500
"""Thousandths: where more of the active families seem to have come from afar, nobody was at home before; that is no
wrong position of a network, but strangers in it."""
SAMPLE = 8
"""One family in so many is counted as active, for all of them."""

CAUSES = (Reason.SYSTEMIC_REUSE, Reason.SYSTEMIC_TRAVEL, Reason.SYSTEMIC_VOLUME)
COUNTS = (
    (None, SLOT_S),
    (Reason.SYSTEMIC_REUSE, SLOT_S),
    (Reason.SYSTEMIC_VOLUME, SLOT_S),
    (None, SLOT_S * SLOWER),
    (Reason.SYSTEMIC_TRAVEL, SLOT_S * SLOWER),
)
"""What a segment counts: active families (None) or those with a sign, each once in so many seconds."""
WHERE: dict[Segment, tuple[bool, bool, bool]] = {
    Segment.RELEASE: (True, False, True),
    Segment.CLIENT: (True, False, True),
    Segment.NETWORK: (False, True, True),
    Segment.ISSUER: (True, True, True),
}
"""Which causes each segment judges, the narrowest first. A wrong position has nothing to do with a release."""

FAMILY_SCHEMA = {
    "signs": np.dtype([("slot", "u2", (5,))]),  # of the last count by each of `COUNTS`
    "excused": np.dtype("u4"),  # until when its volume is held wherever it shows, seconds
}
SCHEMA = {
    "fast": pace.counts(3),  # active families, and those with a sign of reuse and of volume
    "slow": pace.counts(2),  # active families, and those with a sign of travel
    "fast_record": pace.records(2),
    "slow_record": pace.records(1),
    "held": np.dtype([("until", "u4", (3,))]),  # seconds
}

_MIX = np.uint64(0x9E3779B97F4A7C15)


class Signs(NamedTuple):
    """Of n events, (n, 3) in the order of `CAUSES`: the signs that are counted, and evidence that may be held."""

    shown: NDArray[np.bool_]
    evidence: NDArray[np.bool_]

    def __and__(self, mask: NDArray[np.bool_]) -> "Signs":
        """Both, where `mask` says so."""
        return Signs(self.shown & mask, self.evidence & mask)


class Systemic(NamedTuple):
    """What was found, (n,) in the batch's order."""

    held: NDArray[np.uint64]  # bits of `CAUSES` whose evidence is held at this event
    incident: NDArray[np.uint8]  # the `Segment`, where holding begins with this event
    families: NDArray[np.int64]  # with the sign that is held, `pace.POINT` fractional bits
    share: NDArray[np.int64]  # of the segment's active families, thousandths
    client_families: NDArray[np.int64]  # active ones of the client, `pace.POINT` fractional bits


def segment_keys(batch: RefreshBatch) -> dict[Segment, NDArray[np.uint64]]:
    """The key of each event's segments, (n,); 0 where it has none of that kind."""
    named = (batch.client != 0) & (batch.release != 0)
    release = np.where(named, batch.client ^ (batch.release * _MIX), np.uint64(0))
    plain = {
        Segment.RELEASE: release,
        Segment.CLIENT: batch.client,
        Segment.NETWORK: batch.asn.astype(np.uint64),
        Segment.ISSUER: batch.issuer,
    }
    return {kind: np.where(key != 0, (key + np.uint64(kind)) * _MIX | np.uint64(1), 0) for kind, key in plain.items()}


def measure(
    families: Keyed,
    segments: Table,
    batch: RefreshBatch,
    signs: Signs,
    asked: NDArray[np.bool_],
    config: SystemicConfig,
) -> Systemic:
    """Count signs by segment, and find what is held.

    Args:
        families: the batch grouped by family.
        segments: the table of segments, with room for the batch's.
        batch: n events.
        signs: which of `CAUSES` each event shows, and of which it bears evidence that may be held.
        asked: (n,) events of which the client's active families are to be told.
        config: floors, surprise, share and time.
    """
    n = len(batch)
    weights = _once_in_a_slot(families, n, signs.shown)
    chosen = np.flatnonzero(weights.any(axis=1) | signs.shown.any(axis=1) | signs.evidence.any(axis=1) | asked)
    found = Systemic(np.zeros(n, np.uint64), np.zeros(n, np.uint8), *(np.zeros(n, np.int64) for _ in range(3)))
    few, weights = batch.take(chosen), weights[chosen]
    left = Signs(signs.shown[chosen], signs.evidence[chosen])  # what no narrower segment holds
    shares, begins = np.zeros((len(Segment), len(chosen), 3), np.int64), np.zeros((len(chosen), 3), bool)
    for kind, keys in segment_keys(few).items():
        here = _Segment.of(segments, Runs(keys), few.at, weights)
        held, began = here.hold(left & np.array(WHERE[kind]), config)
        shares[kind] = here.share
        begins |= began
        _tell(found, chosen, held, here)
        left = left & ~held
        weights[:, [1, 4, 2]] *= ~held
        if kind is Segment.CLIENT:
            found.client_families[chosen] = here.active
    found.incident[chosen] = _widest(shares, begins)
    _excuse(families, found.held, signs.evidence[:, CAUSES.index(Reason.SYSTEMIC_VOLUME)], config)
    return found


def _excuse(families: Keyed, held: NDArray[np.uint64], evidence: NDArray[np.bool_], config: SystemicConfig) -> None:
    """Hold a family's volume (n,) for as long after it was held in a segment: an update ends a loop, not its echo."""
    table, rows, runs, latest, _ = families
    volume = np.uint64(Reason.SYSTEMIC_VOLUME)
    in_segment = (held[runs.order] & volume) != 0
    head = table.read("excused", rows).astype(np.int64)
    ends = np.minimum(latest + config.hold_ms // 1000, LATEST_S)
    until = runs.running_max(np.where(in_segment, ends, 0), head)
    table.write("excused", rows, until[runs.lasts].astype(np.uint32))
    held[runs.order[evidence[runs.order] & (until >= latest)]] |= volume


def _once_in_a_slot(families: Keyed, n: int, signs: NDArray[np.bool_]) -> NDArray[np.int64]:
    """What each event adds to its segments' `COUNTS`, (n, 5): of a family's events in one slot only the first."""
    runs = families.runs
    memory = families.table.read("signs", families.rows)
    weights = np.zeros((n, len(COUNTS)), np.int64)
    sampled = (runs.keys % np.uint64(SAMPLE) == 0)[runs.run]
    for place, (cause, seconds) in enumerate(COUNTS):
        slot = (families.latest // seconds).astype(np.uint16)
        shown = sampled if cause is None else signs[runs.order, CAUSES.index(cause)]
        if not shown.any():
            continue
        some, of, slot = runs.where(shown), np.flatnonzero(runs.total(shown)), slot[shown]
        before = some.before(slot.astype(np.int64), memory["slot"][of, place].astype(np.int64))
        weights[some.order, place] = (slot != before) * (SAMPLE if cause is None else 1)
        memory["slot"][of, place] = slot[some.lasts]
    families.table.write("signs", families.rows, memory)
    return weights


class _Segment(NamedTuple):
    """The chosen events grouped by one kind of segment; arrays are in the order of the chosen events."""

    keyed: Keyed
    active: NDArray[np.int64]  # (m,) families, at the fast clock
    level: NDArray[np.int64]  # (m, 3) families with each sign
    share: NDArray[np.int64]  # (m, 3) of the active ones, thousandths

    @classmethod
    def of(cls, table: Table, runs: Runs, at: NDArray[np.int64], weights: NDArray[np.int64]) -> "_Segment":
        keyed = Keyed.look_up(table, runs, at)
        level = np.zeros((len(at), len(COUNTS)), np.int64)
        level[runs.order, :3] = pace.count(keyed, "fast", weights[runs.order, :3])
        level[runs.order, 3:] = pace.count(_slower(keyed), "slow", weights[runs.order, 3:])
        signs = level[:, [1, 4, 2]]
        active = np.maximum(level[:, [0, 3, 0]], signs)
        return cls(keyed, level[:, 0], signs, signs * 1000 // np.maximum(active, 1))

    def hold(self, signs: Signs, config: SystemicConfig) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which evidence (m, 3) is held here, and with which sign the holding begins; and remember until when."""
        table, rows, runs, latest, _ = self.keyed
        order = runs.order
        nats = self._surprise(signs.shown[order], config)
        least = (config.least_share_permille, config.travel_share_permille, config.least_share_permille)
        strikes = (nats >= config.hold_nats << pace.POINT) & (self.share[order] >= least)
        strikes[:, CAUSES.index(Reason.SYSTEMIC_TRAVEL)] &= self.share[order, 1] <= MOST_MOVED
        memory = table.read("held", rows)
        held, began = np.zeros_like(signs.shown), np.zeros_like(signs.shown)
        for cause, longer in enumerate((1, SLOWER, 1)):
            ends = np.minimum(latest + config.hold_ms // 1000 * longer, LATEST_S)
            head = memory["until"][:, cause].astype(np.int64)
            until = runs.running_max(np.where(strikes[:, cause], ends, 0), head)
            held[order, cause] = signs.evidence[order, cause] & (until >= latest)
            began[order, cause] = strikes[:, cause] & (runs.before(until, head) < latest)
            memory["until"][:, cause] = until[runs.lasts]
        table.write("held", rows, memory)
        return held, began

    def _surprise(self, shown: NDArray[np.bool_], config: SystemicConfig) -> NDArray[np.int64]:
        """Nats of each sign's families against the segment's record, (m, 3) in sorted order; and learn."""
        floors = (config.reuse_floor, config.travel_floor, config.volume_floor)
        reuse, travel, volume = (pace.Rule(floor, hold=config.hold_nats) for floor in floors)
        level = self.level[self.keyed.runs.order]
        nats = np.zeros_like(level)
        for keyed, name, causes, rules in (
            (self.keyed, "fast_record", [0, 2], [reuse, volume]),
            (_slower(self.keyed), "slow_record", [1], [travel]),
        ):
            nats[:, causes] = pace.judge(keyed, name, level[:, causes], rules, shown[:, causes]).surprise
        return nats


def _slower(keyed: Keyed) -> Keyed:
    return keyed._replace(latest=keyed.latest // SLOWER)


def _tell(found: Systemic, chosen: NDArray[np.int64], held: NDArray[np.bool_], here: _Segment) -> None:
    for cause, bit in enumerate(CAUSES):
        rows = np.flatnonzero(held[:, cause])
        found.held[chosen[rows]] |= np.uint64(bit)
        found.families[chosen[rows]] = here.level[rows, cause]
        found.share[chosen[rows]] = here.share[rows, cause]


def _widest(shares: NDArray[Any], begins: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Of each event with which a holding begins, the widest segment hit at least half as evenly as the hardest hit."""
    incident = np.zeros(len(begins), np.uint8)
    for cause in range(len(CAUSES)):
        rows = np.flatnonzero(begins[:, cause])
        by_kind = shares[:, rows, cause]
        even = (by_kind * 2 >= by_kind.max(axis=0)) & (by_kind > 0)
        for kind, causes in WHERE.items():
            if causes[cause]:
                incident[rows[even[kind]]] = kind
    return incident
