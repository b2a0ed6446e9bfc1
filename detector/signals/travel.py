"""travel: a subject is somewhere sooner than people can travel.

The distance between two positions, less both accuracy radii, is held against an envelope of honest travel
(`TravelConfig`): a pure speed limit would miss the short, quick hop, which the envelope's overhead finds. Judged
between an event and the latest located event before it; a late event is judged too and does not turn that back. The
same /24 or /48 is no move, whatever a GeoIP database says of it today and tomorrow; without a city-level position
nothing is judged.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector.batch import Kind, RefreshBatch
from detector.config import TravelConfig
from detector.globe import distance_km
from detector.table import Keyed

SCHEMA = {
    "place": np.dtype(
        [
            ("at", "i8"),  # when the subject was there; 0: never located
            ("network", "u8"),
            ("lat", "i4"),
            ("lon", "i4"),
            ("accuracy", "i4"),
        ]
    )
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
    table, rows, runs = subjects.table, subjects.rows, subjects.runs
    here = np.empty(len(batch), SCHEMA["place"])
    for name in SCHEMA["place"].names or ():
        here[name] = getattr(batch, name)
    here = here.take(runs.order)
    memory = table.read("place", rows)
    at = here["at"]
    located = ((batch.accuracy >= 0) & fresh & (batch.kind <= Kind.LOGIN))[runs.order]
    latest = runs.running_max(np.where(located, at, 0), memory["at"])
    leads = located & (at >= runs.before(latest, memory["at"]))

    source = runs.last_before(leads)  # the sorted position of the event that says where the subject was, or -1
    there = memory.take(runs.run)
    inside = np.flatnonzero(source >= 0)
    np.put(there, inside, here.take(source[inside]))
    elapsed = np.abs(at - there["at"])
    moved = (here["lat"] != there["lat"]) | (here["lon"] != there["lon"])
    moved &= (here["network"] != there["network"]) | (here["network"] == 0)
    judged = np.flatnonzero(located & moved & (there["at"] > 0) & (elapsed <= config.horizon_ms))
    km, flagged = _envelope(here[judged], there[judged], elapsed[judged], config)

    final = np.where(leads[runs.lasts], runs.lasts, source[runs.lasts])
    led = np.flatnonzero(final >= 0)
    table.write("place", rows[led], here.take(final[led]))
    return _in_batch_order(len(batch), runs.order[judged], flagged, km, elapsed[judged])


def _envelope(
    here: NDArray[Any], there: NDArray[Any], elapsed: NDArray[np.int64], config: TravelConfig
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The distance beyond the accuracy radii, km, and whether nobody can have covered it in the time; all (m,)."""
    away = distance_km(here["lat"], here["lon"], there["lat"], there["lon"])
    km = np.maximum(away - here["accuracy"] - there["accuracy"], 0)
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
