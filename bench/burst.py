"""`burst`: the spread signal on a stream of edges with labelled attacks.

The data is a file of arrays `src dst minute label`: a source (an address) reaches for a destination (a family); labels
are read only when everything is scored. Each edge is an event; its score is the largest distance, in nats, of the three
counts of `detector.signals.spread` to what their records lead to expect, below it (negative) as well as above. The
first two hours of the stream have no record and are not judged. Ties count against us.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from bench.report import Figures, NotRun
from detector import pace
from detector.batch import RefreshBatch
from detector.config import SpreadConfig
from detector.runs import Runs
from detector.signals import spread
from detector.table import Keyed, Table

USUAL: Final = Path("../shared/data/darpa_2m.npz")
BATCH: Final = 65_536
START_S: Final = 1_770_000_000 // 3600 * 3600
"""Where the file's first minute is put: an hour's beginning."""
UNJUDGED: Final = -(2**62)
WARM_UP_S: Final = 2 * 3600
"""Records are one to two hours late."""
MINUTE_S: Final = 60
_SALTS: Final = {"src": np.uint64(0xA24BAED4963EE407), "dst": np.uint64(0x9FB21C651E98DF25)}


class Stream(NamedTuple):
    """Edges in the order of time, (n,) each."""

    src: NDArray[np.uint64]
    dst: NDArray[np.uint64]
    second: NDArray[np.int64]
    label: NDArray[np.bool_]

    def part(self, first: int, stop: int) -> "Stream":
        """Some of it."""
        rows = slice(first, stop)
        return Stream(self.src[rows], self.dst[rows], self.second[rows], self.label[rows])


def load(path: Path, times: int) -> Stream:
    """Read the file, and play it so many times over, each pass from a full hour on.

    Raises:
        NotRun: there is no such file.
    """
    if not path.is_file():
        raise NotRun(f"There is no file {path}; name one with --data.")
    with np.load(path, allow_pickle=False) as arrays:
        src, dst, minute, label = (arrays[name] for name in ("src", "dst", "minute", "label"))
    second = (minute.astype(np.int64) - int(minute[0])) * MINUTE_S
    period = (int(second[-1]) // 3600 + 1) * 3600
    return Stream(
        src=np.tile(_key(src, "src"), times),
        dst=np.tile(_key(dst, "dst"), times),
        second=START_S + np.concatenate([second + number * period for number in range(times)]),
        label=np.tile(label.astype(bool), times),
    )


def _key(number: NDArray[Any], name: str) -> NDArray[np.uint64]:
    """Well-mixed keys (the finaliser of splitmix64)."""
    x = number.astype(np.uint64) + _SALTS[name]
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    return x ^ (x >> np.uint64(31))


class Tables:
    """What `spread` remembers, roomy enough for the stream."""

    def __init__(self, stream: Stream) -> None:
        self.pairs = Table(len(stream.src), spread.PAIR_SCHEMA)
        self.families = Table(len(stream.src), spread.FAMILY_SCHEMA)
        self.origins = Table(len(stream.src), spread.ORIGIN_SCHEMA)

    def score(self, part: Stream, config: SpreadConfig) -> NDArray[np.int64]:
        """The score of each edge, nats with `pace.POINT` fractional bits."""
        n = len(part.src)
        batch = RefreshBatch.of(at=part.second * 1000, family=part.dst, origin=part.src)
        pairs = Keyed.look_up(self.pairs, Runs(spread.pair_keys(batch)), batch.at)
        families = Keyed.look_up(self.families, Runs(batch.family), batch.at)
        origins = Keyed.look_up(self.origins, Runs(batch.origin), batch.at)
        met = spread.meet(pairs, n, np.ones(n, bool))
        within = spread.measure(families, met, config)
        reached = spread.reach(origins, met, config)
        strangers = np.maximum(
            pace.distance_signed(within.level, within.expected),
            pace.distance_signed(reached.level[:, 0], reached.expected[:, 0]),
        )
        pair = pace.distance_signed(reached.level[:, 1], reached.expected[:, 1])
        return np.where(met.stranger, np.maximum(strangers, pair), pair)


def tpr(score: NDArray[np.int64], label: NDArray[np.bool_], fpr: float) -> float:
    """The share of attacks above the score that so many honest edges reach; equal scores count as missed."""
    honest = np.sort(score[~label])[::-1]
    return float((score[label] > honest[int(fpr * len(honest))]).mean())


def run(arguments: Sequence[str]) -> Figures:
    """Score the stream, and compare with the labels."""
    parser = argparse.ArgumentParser(prog="python -m bench burst", description=__doc__)
    parser.add_argument("--data", type=Path, default=USUAL, help=f"arrays src, dst, minute, label; {USUAL} by default")
    parser.add_argument("--score-from", type=int, default=0, help="figures of the events from this one on")
    parser.add_argument("--times", type=int, default=1, help="play the stream so often, and judge the last pass")
    options = parser.parse_args(arguments)

    stream = load(options.data, options.times)
    n = len(stream.src)
    tables, config = Tables(stream), SpreadConfig()
    began = time.perf_counter()
    score = np.concatenate([tables.score(stream.part(a, a + BATCH), config) for a in range(0, n, BATCH)])
    seconds = time.perf_counter() - began
    score[stream.second < START_S + WARM_UP_S] = UNJUDGED
    first = n // options.times * (options.times - 1) + options.score_from
    rank = np.unique(score[first:], return_inverse=True)[1]
    label = stream.label[first:]
    return {
        "name": "burst",
        "events": len(label),
        "auc": round(float(roc_auc_score(label, rank)), 4),
        "average_precision": round(float(average_precision_score(label, rank)), 4),
        "tpr_at_0.1pct_fpr": round(tpr(rank, label, 0.001), 4),
        "tpr_at_1pct_fpr": round(tpr(rank, label, 0.01), 4),
        "events_per_second": round(n / seconds),
    }
