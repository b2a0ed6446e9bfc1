"""travel: a subject is somewhere sooner than people can travel.

The distance between two positions, less both accuracy radii, is held against an envelope of honest travel
(`TravelConfig`): a pure speed limit would miss the short, quick hop, which the envelope's overhead finds. Judged
between an event and the latest located event before it; a late event is judged too and does not turn that back. The
same /24 or /48 is no move, whatever a GeoIP database says of it today and tomorrow; without a city-level position
nothing is judged.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.batch import Kind, RefreshBatch
from detector.config import TravelConfig
from detector.globe import distance_km
from detector.table import Column, Keyed

SCHEMA = {
    "place_at": Column("int64", fill=-1),  # when the subject was there; -1: never located
    "place_network": Column("uint64"),
    "place": Column("int32", width=3),  # latitude, longitude (hundredths of a degree), accuracy (km)
}

_HOUR_MS = 3_600_000
_LEAST_MS = 60_000  # speeds shown to people are not divided by less


class Travel(NamedTuple):
    """What was measured, (n,) in the batch's order; 0 where there was nothing to judge."""

    impossible: NDArray[np.bool_]
    km: NDArray[np.int64]
    kmh: NDArray[np.int64]


def measure(subjects: Keyed, batch: RefreshBatch, fresh: NDArray[np.bool_], config: TravelConfig) -> Travel:
    """Judge each located event against where its subject was before, and remember where it is now.

    Logins and refreshes count, refused ones too: a thief who is refused is somewhere all the same. Logouts and
    revocations may come from a server or an administrator. `fresh` (n,) events are those not delivered before.
    """
    table, rows, runs, _ = subjects
    at, network = batch.at[runs.order], batch.network[runs.order]
    here = np.stack([batch.lat, batch.lon, batch.accuracy], axis=1)[runs.order]
    located = ((batch.accuracy >= 0) & fresh & (batch.kind <= Kind.LOGIN))[runs.order]
    latest = runs.running_max(np.where(located, at, -1), table["place_at"][rows])
    leads = located & (at >= runs.before(latest, table["place_at"][rows]))
    source = runs.last_before(leads)  # the sorted position of the event that says where the subject was, or -1

    known = source >= 0
    at_before = np.where(known, at[source], table["place_at"][rows][runs.run])
    network_before = np.where(known, network[source], table["place_network"][rows][runs.run])
    elapsed = np.abs(at - at_before)
    judged = np.flatnonzero(
        located & (at_before >= 0) & (elapsed <= config.horizon_ms) & ((network != network_before) | (network == 0))
    )
    there = np.where(known[judged, None], here[source[judged]], table["place"][rows[runs.run[judged]]])
    km, flagged = _envelope(here[judged], there, elapsed[judged], config)

    final = runs.last_before(leads)[runs.lasts]
    final = np.where(leads[runs.lasts], runs.lasts, final)
    moved = final >= 0
    table["place_at"][rows[moved]] = at[final[moved]]
    table["place_network"][rows[moved]] = network[final[moved]]
    table["place"][rows[moved]] = here[final[moved]]
    return _in_batch_order(len(batch), runs.order[judged], flagged, km, elapsed[judged])


def _envelope(
    here: NDArray[np.int32], there: NDArray[np.int32], elapsed: NDArray[np.int64], config: TravelConfig
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The distance beyond the accuracy radii, km, and whether nobody can have covered it in the time; all (m,)."""
    away = distance_km(here[:, 0], here[:, 1], there[:, 0], there[:, 1])
    km = np.maximum(away - here[:, 2] - there[:, 2], 0)
    by_rail = km * _HOUR_MS // config.rail_kmh
    by_air = config.overhead_ms + km * _HOUR_MS // config.flight_kmh
    return km, (km > config.floor_km) & (elapsed < np.minimum(by_rail, by_air) - config.slack_ms)


def _in_batch_order(
    n: int, judged: NDArray[np.int64], flagged: NDArray[np.bool_], km: NDArray[np.int64], elapsed: NDArray[np.int64]
) -> Travel:
    travel = Travel(np.zeros(n, bool), np.zeros(n, np.int64), np.zeros(n, np.int64))
    travel.impossible[judged] = flagged
    travel.km[judged] = km
    travel.kmh[judged] = km * _HOUR_MS // np.maximum(elapsed, _LEAST_MS)
    return travel
