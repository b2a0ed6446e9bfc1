"""`engine`: events a second on one core, beside a bare numpy sort of the same batches' keys."""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.report import Figures, compared
from detector.batch import RefreshBatch
from detector.config import DetectorConfig
from detector.engine import Engine

START = 1_770_000_000_000
BATCH = 65_536
BATCH_SPAN_MS = 60_000
"""Stream time of one batch: 1,092 events a second, as 330,000 sessions with 5-minute tokens make."""


ROAMING = 0.05
"""The share of refreshes that come through another network than the one at home."""


class Traffic:
    """Honest sessions at their natural pace: each rotates its chain, some roam, all have a position."""

    def __init__(self, sessions: int) -> None:
        self._rng = np.random.default_rng(1)
        self._turn = np.zeros(sessions, np.int64)
        self._now = START

    def batch(self) -> RefreshBatch:
        """The next `BATCH` events."""
        who = self._rng.integers(0, len(self._turn), BATCH)
        order = np.argsort(who, kind="stable")
        first = np.append(True, who[order][1:] != who[order][:-1])
        nth = np.arange(BATCH) - np.flatnonzero(first)[np.cumsum(first) - 1]
        turn = np.empty(BATCH, np.int64)
        turn[order] = self._turn[who[order]] + nth
        np.add.at(self._turn, who, 1)
        self._now += BATCH_SPAN_MS
        away = self._rng.random(BATCH) < ROAMING
        return RefreshBatch.of(
            at=np.sort(self._rng.integers(self._now, self._now + BATCH_SPAN_MS, BATCH)),
            event=self._rng.integers(1, 2**63, BATCH),
            family=_key(1, who),
            subject=_key(2, who // 2),
            client=_key(3, who % 5),
            device=_key(4, who),
            agent=_key(7, who % 40),
            release=_key(10, who % 90),
            issuer=_key(8, who % 3),
            network=_key(5, who * 20 + away),
            origin=_key(9, who * 20 + away),
            asn=1 + who % 300 + 300 * away,
            country=np.full(BATCH, 17_477),
            token=_key(6, who * 1_000_003 + turn),
            successor=_key(6, who * 1_000_003 + turn + 1),
            lat=who // 2 % 120 * 100 - 6000,
            lon=who // 2 % 340 * 100 - 17_000,
            accuracy=np.full(BATCH, 20),
        )


def _key(salt: int, number: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Well-mixed keys (the finaliser of splitmix64)."""
    x = number.astype(np.uint64) + np.uint64(salt << 56) + np.uint64(1)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _hostile(batch: RefreshBatch) -> RefreshBatch:
    """Everything at once that makes work: one family, one subject, every token a replay."""
    one = np.ones(len(batch), np.uint64)
    columns = {name: getattr(batch, name) for name in RefreshBatch.__slots__}
    return RefreshBatch.of(**columns | {"family": one, "subject": one, "token": one, "successor": batch.event})


def _seconds(action: Callable[[], Any]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def run(arguments: Sequence[str]) -> Figures:
    """Warm an engine up, then alternate batches with sorts of the same keys."""
    parser = argparse.ArgumentParser(prog="python -m bench engine")
    parser.add_argument("--sessions", type=int, default=330_000)
    parser.add_argument("--batches", type=int, default=24)
    options = parser.parse_args(arguments)

    traffic = Traffic(options.sessions)
    engine = Engine(DetectorConfig())
    for _ in range(8):
        engine.process(traffic.batch(), START)
    judged, sorted_ = [], []
    for _ in range(options.batches):
        batch = traffic.batch()
        judged.append(BATCH / _seconds(partial(engine.process, batch, START)))
        sorted_.append(BATCH / _seconds(partial(np.sort, batch.family)))
    evil = _hostile(traffic.batch())
    hostile = BATCH / _seconds(partial(Engine(DetectorConfig()).process, evil, START))
    return compared(
        "engine",
        "events/s",
        judged,
        sorted_,
        "np.sort of the batch's keys",
        hostile_events_per_second=round(hostile),
        **{f"bytes_per_{name}_row": table.bytes_per_row for name, table in engine.state.tables.items()},
    )
