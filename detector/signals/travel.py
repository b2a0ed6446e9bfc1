"""travel: a subject is somewhere sooner than people can travel.

The distance between two positions, less both accuracy radii, is held against an envelope of honest travel
(`TravelConfig`): a pure speed limit would miss the short, quick hop, which the envelope's overhead finds. Judged
between an event and the latest located event before it; a late event is judged too and does not turn that back. The
same /24 or /48 is no move, whatever a GeoIP database says of it today and tomorrow; without a city-level position
nothing is judged. An event from a server (`detector.servers`) is no sign of where anybody is. The grades, first match
wins:

| grade | an impossible move |
|---|---|
| 0 | between two networks that the subject is used to (`detector.familiar`) |
| 1 | with an end that says little: through a VPN, a relay, a satellite, a mobile carrier, or by a client of servers |
| 3 | back to the place before the one before, left no longer than `return_ms` ago: there and back, A-B-A |
| 2 | any other |
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detector import familiar
from detector.batch import Kind, Outcome, RefreshBatch
from detector.config import TravelConfig
from detector.globe import distance_km
from detector.servers import Served
from detector.signals.triage import half
from detector.table import Keyed

VAGUE, IMPOSSIBLE, RETURN = 1, 2, 3
"""The grades above 0."""

_SPOT = [("at", "i8"), ("network", "u4"), ("lat", "i2"), ("lon", "i2"), ("accuracy", "i2")]

SCHEMA = (
    {
        "place": np.dtype([*_SPOT, ("vague", "?")]),  # the latest; `at` is when the subject was there, 0: never located
        "former": np.dtype(_SPOT[:-1]),  # the place before the last move, and when it was left
    }
    | familiar.SCHEMA
)

_HOUR_MS = 3_600_000
_LEAST_MS = 60_000  # speeds shown to people are not divided by less
_MOST_RADIUS_KM = (1 << 15) - 1  # the earth is smaller


class Travel(NamedTuple):
    """What was measured, (n,) int64 in the batch's order; 0 where there was nothing to judge."""

    grade: NDArray[np.int64]
    km: NDArray[np.int64]
    kmh: NDArray[np.int64]


def measure(
    subjects: Keyed, batch: RefreshBatch, fresh: NDArray[np.bool_], served: Served, config: TravelConfig
) -> Travel:
    """Judge each located event against where its subject was before, and remember where it is now.

    Logins and refreshes count, refused ones too: a thief who is refused is somewhere all the same. Logouts and
    revocations may come from a server or an administrator. `fresh` (n,) events are those not delivered before; `served`
    tells which are of servers.
    """
    order = subjects.runs.order
    counts = (fresh & (batch.kind <= Kind.LOGIN) & ~served.home)[order]
    here = _spots(batch, served, config).take(order)
    located = counts & (here["accuracy"] >= 0)
    there, former = _looking_back(subjects, here, located)
    elapsed = np.abs(here["at"] - there["at"])
    asked = np.flatnonzero(located & _moved(here, there) & (elapsed <= config.horizon_ms))
    km, sooner = _envelope(here[asked], there[asked], elapsed[asked], config)

    impossible = np.zeros(len(order), bool)
    impossible[asked[sooner]] = True
    accepted = batch.outcome[order] == Outcome.SUCCESS
    moves = familiar.Move(there["network"], here["network"], impossible, counts & accepted)
    flagged = np.flatnonzero(impossible & ~familiar.measure(subjects, moves, config.familiar_days))

    travel = Travel(*(np.zeros(len(batch), np.int64) for _ in Travel._fields))
    travel.grade[order[flagged]] = _grade(here[flagged], there[flagged], former[flagged], config)
    travel.km[order[asked]] = km
    travel.kmh[order[asked]] = km * _HOUR_MS // np.maximum(elapsed[asked], _LEAST_MS)
    return travel


def _spots(batch: RefreshBatch, served: Served, config: TravelConfig) -> NDArray[Any]:
    """Where each event was, (n,) of the dtype of `place`."""
    spots = np.empty(len(batch), SCHEMA["place"])
    spots["at"] = batch.at
    spots["network"] = half(batch.network)
    spots["lat"] = batch.lat
    spots["lon"] = batch.lon
    spots["accuracy"] = np.minimum(batch.accuracy, _MOST_RADIUS_KM)
    spots["vague"] = served.client | np.isin(batch.asn, np.array(sorted(config.vague_asns), np.uint32))
    return spots


def _looking_back(subjects: Keyed, here: NDArray[Any], located: NDArray[np.bool_]) -> tuple[NDArray[Any], NDArray[Any]]:
    """The place before each event, and the place before the last move to it, (n,) each; and remember them."""
    table, rows, runs = subjects.table, subjects.rows, subjects.runs
    place, former = table.read("place", rows), table.read("former", rows)
    latest = runs.running_max(np.where(located, here["at"], 0), place["at"])
    leads = located & (here["at"] >= runs.before(latest, place["at"]))

    before, source = _last(runs.last_before(leads), here, place.take(runs.run))
    moves = leads & _moved(here, before)
    left = before[list(SCHEMA["former"].names or ())].astype(SCHEMA["former"])
    former_before, turn = _last(runs.last_before(moves), left, former.take(runs.run))

    for name, marks, latest_one, entries in (("place", leads, source, here), ("former", moves, turn, left)):
        final = np.where(marks[runs.lasts], runs.lasts, latest_one[runs.lasts])
        written = np.flatnonzero(final >= 0)
        table.write(name, rows[written], entries.take(final[written]))
    return before, former_before


def _last(
    source: NDArray[np.int64], entries: NDArray[Any], remembered: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The entry at each sorted position of `source`, or what is remembered where that is -1; and `source` itself."""
    inside = np.flatnonzero(source >= 0)
    np.put(remembered, inside, entries.take(source[inside]))
    return remembered, source


def _moved(here: NDArray[Any], there: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether it is another place: another position, and not merely another opinion of where one network is."""
    elsewhere = (here["lat"] != there["lat"]) | (here["lon"] != there["lon"])
    moved: NDArray[np.bool_] = elsewhere & ((here["network"] != there["network"]) | (here["network"] == 0))
    return moved & (there["at"] > 0)


def _envelope(
    here: NDArray[Any], there: NDArray[Any], elapsed: NDArray[np.int64], config: TravelConfig
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The distance beyond the accuracy radii, km, and whether nobody can have covered it in the time; all (m,)."""
    km = np.maximum(_apart(here, there) - here["accuracy"] - there["accuracy"], 0)
    by_rail = km * _HOUR_MS // config.rail_kmh
    by_air = config.overhead_ms + km * _HOUR_MS // config.flight_kmh
    return km, (km > config.floor_km) & (elapsed < np.minimum(by_rail, by_air) - config.slack_ms)


def _grade(here: NDArray[Any], there: NDArray[Any], former: NDArray[Any], config: TravelConfig) -> NDArray[np.int64]:
    """The grade of m impossible moves between ends that are not both familiar, (m,)."""
    same_network = (here["network"] == former["network"]) & (here["network"] != 0)
    back = (same_network | (_apart(here, former) <= config.floor_km)) & (former["at"] > 0)
    back &= np.abs(here["at"] - former["at"]) <= config.return_ms
    return np.where(here["vague"] | there["vague"], VAGUE, np.where(back, RETURN, IMPOSSIBLE))


def _apart(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.int64]:
    """Whole kilometres between spots."""
    return distance_km(*(spot[axis].astype(np.int32) for spot in (a, b) for axis in ("lat", "lon")))
