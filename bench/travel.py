"""`travel`: impossible travel judged on the movements of the fastest honest travellers there are.

The data is a file of `dev,ts,ap,lat,lon`: where a device truly was, seconds since some epoch, at which place. Each move
is an honest event. A theft is a device that is seen 1 to 60 minutes after one of its events at another device's true
place of that time, more than 100 km away. Honest events are judged in the stream without thefts; thefts are judged in
the same stream with one theft a device among them. `honest_flagged_remembered` counts the honest events that the policy
still acts on where a person releases each entry at once (`bench.releasing`). Chance is seeded; nothing is tuned on the
data within a run.
"""

import argparse
import csv
import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.releasing import acted_on
from bench.report import Figures, NotRun
from detector.batch import RefreshBatch
from detector.config import DetectorConfig
from detector.engine import Engine
from detector.globe import distance_km
from detector.verdict import Level, Verdicts

USUAL: Final = Path("../shared/data/flights_q1.csv.gz")
SOONEST_S: Final = 60
LATEST_S: Final = 3600
FAR_KM: Final = 100
START_MS: Final = 1_770_000_000_000
"""Where the file's epoch is put: times of the engine are above 0."""


class Moves(NamedTuple):
    """Rows of the file in order of time, (n,) each; positions in hundredths of a degree."""

    device: NDArray[Any]
    second: NDArray[Any]
    place: NDArray[Any]
    lat: NDArray[Any]
    lon: NDArray[Any]

    def take(self, rows: NDArray[np.int64]) -> "Moves":
        """The rows, in that order."""
        return Moves(*(column[rows] for column in self))


def load(path: Path) -> Moves:
    """Read the file, plain or gzipped.

    Raises:
        NotRun: there is no such file.
    """
    if not path.is_file():
        raise NotRun(f"There is no file {path}; name one with --data.")
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        rows = [
            (row["dev"], int(row["ts"]), row["ap"], float(row["lat"]), float(row["lon"]))
            for row in csv.DictReader(lines)
        ]
    devices, seconds, places, lats, lons = zip(*rows, strict=True)
    moves = Moves(
        device=np.unique(devices, return_inverse=True)[1],
        second=np.array(seconds, np.int64),
        place=np.unique(places, return_inverse=True)[1],
        lat=np.round(np.array(lats, np.float64) * 100).astype(np.int32),
        lon=np.round(np.array(lons, np.float64) * 100).astype(np.int32),
    )
    return moves.take(np.argsort(moves.second, kind="stable"))


def thefts(moves: Moves, seed: int) -> Moves:
    """One theft of each device that has one: after a random event of it, at another's true place within the hour."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(moves.device))
    victims = chosen[np.unique(moves.device[chosen], return_index=True)[1]]
    first = np.searchsorted(moves.second, moves.second[victims] + SOONEST_S)
    last = np.searchsorted(moves.second, moves.second[victims] + LATEST_S, side="right")
    victims, first, last = (a[last > first] for a in (victims, first, last))
    elsewhere = first + (rng.random(len(first)) * (last - first)).astype(np.int64)
    here, there = moves.take(victims), moves.take(elsewhere)
    far = distance_km(here.lat, here.lon, there.lat, there.lon) > FAR_KM
    return there._replace(device=here.device).take(np.flatnonzero(far & (here.device != there.device)))


def events(moves: Moves) -> RefreshBatch:
    """The moves as refreshes; each device is a subject with one session.

    The file has no networks. Were each place one, those who fly to and fro would be used to both ends and never be
    judged, thieves at the same places neither: so the network is not known, and the position alone says what a move is.
    """
    key = moves.device.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) | np.uint64(1)
    return RefreshBatch.of(
        at=START_MS + moves.second * 1000,
        subject=key,
        family=key,
        lat=moves.lat,
        lon=moves.lon,
        accuracy=np.zeros(len(key)),
    )


def judge(batch: RefreshBatch) -> Verdicts:
    """The engine's verdicts."""
    return Engine(DetectorConfig()).process(batch, int(batch.at[-1]))


def run(arguments: Sequence[str]) -> Figures:
    """Judge honest movements, then the same with thefts among them."""
    parser = argparse.ArgumentParser(prog="python -m bench travel", description=__doc__)
    parser.add_argument("--data", type=Path, default=USUAL, help=f"dev,ts,ap,lat,lon; plain or .gz; {USUAL} by default")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)

    honest = load(options.data)
    calm = events(honest)
    clean = judge(calm)
    stolen = thefts(honest, options.seed)
    both = Moves(*(np.concatenate([getattr(honest, n), getattr(stolen, n)]) for n in Moves._fields))
    order = np.argsort(both.second, kind="stable")
    mixed = judge(events(both.take(order)))
    flagged = np.zeros(len(order), bool)
    flagged[order[mixed.row]] = True
    return {
        "name": "travel",
        "honest_events": len(honest.device),
        "honest_flagged": len(clean),
        "honest_flagged_remembered": acted_on(clean, calm),
        "honest_quarantined": int((clean.level == Level.QUARANTINE).sum()),
        "honest_revoked": int((clean.level == Level.REVOKE).sum()),
        "thefts": len(stolen.device),
        "thefts_flagged": int(flagged[len(honest.device) :].sum()),
    }
