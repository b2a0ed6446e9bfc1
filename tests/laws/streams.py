"""Ugly streams for the laws: late, duplicated, skewed, hostile; and clean columns of one shape for all of them."""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.batch import RefreshBatch
from detector.config import (
    CadenceConfig,
    DetectorConfig,
    FailureConfig,
    SpreadConfig,
    SystemicConfig,
    TravelConfig,
)

START = 1_770_000_000_000
"""A moment in February 2026, an hour's edge not far away."""

PLACES = [(5252, 1340), (4885, 235), (4071, -7400), (-3387, 15121), (5252, 1341)]
"""Hundredths of a degree: Berlin, Paris, New York, Sydney, and a kilometre from the first."""

TINY = DetectorConfig(
    families=8,
    subjects=8,
    pairs=8,
    segments=12,
    clients=4,
    origins=8,
    cadence=CadenceConfig(family_floor=2, subject_floor=3),
    spread=SpreadConfig(pair_floor=2, family_floor=4, origin_floor=3, hold_nats=2, hour_nats=5),
    failure=FailureConfig(family_floor=1, origin_floor=3, hold_nats=4),
    systemic=SystemicConfig(reuse_floor=1, travel_floor=1, volume_floor=1, hold_nats=1, hold_ms=60_000),
    travel=TravelConfig(vague_asns=frozenset({7}), server_subjects=2, server_share=1, server_networks=2),
)
"""Room for a few keys, low floors, a vague AS: eviction, bursts, holds, servers and every grade in a hundred events."""


def key(salt: int, number: int) -> int:
    """A well-mixed key; 0 stays "not known"."""
    return (number * 0x9E3779B97F4A7C15 + salt * 0xBF58476D1CE4E5B9) % 2**64 if number else 0


def ugly(seed: int, n: int, users: int, *, hot: float, spread_ms: int) -> RefreshBatch:
    """n events of few families that share tokens, devices, networks and places by chance; times wander and jump."""
    rng = np.random.default_rng(seed)
    family = rng.integers(0, users + 1, n)
    family[rng.random(n) < hot] = 1
    subject = np.where(rng.random(n) < 0.1, 0, family // 2 + 1)
    at = START + np.cumsum(rng.integers(0, spread_ms, n)) - rng.integers(0, spread_ms * 4, n)
    at += np.cumsum(rng.random(n) < 0.03) * 86_400_000 * (rng.random() < 0.5)
    jump = rng.random(n) < 0.02
    at[jump] += rng.integers(-3, 4, int(jump.sum())) * 3_600_000
    step = rng.integers(0, 6, n)
    place = rng.integers(0, len(PLACES), n)
    columns: dict[str, Any] = {
        "at": at,
        "kind": rng.choice([0, 1, 2, 3], n, p=[0.85, 0.07, 0.05, 0.03]),
        "outcome": rng.random(n) < 0.25,
        "fault": rng.choice(7, n, p=[0.7, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05]),
        "event": [key(1, int(e)) for e in rng.integers(0, max(n, 2), n)],
        "family": [key(2, int(f)) for f in family],
        "subject": [key(3, int(s)) for s in subject],
        "client": [key(4, int(c)) for c in rng.choice(7, n, p=[0.02, 0.45, 0.45, 0.02, 0.02, 0.02, 0.02])],
        "device": [key(5, int(d)) for d in rng.integers(0, 3, n)],
        "agent": [key(8, int(a)) for a in rng.integers(0, 4, n)],
        "release": [key(11, int(r)) for r in rng.integers(0, 3, n)],
        "asn": rng.choice([0, 0, 1, 1, 1, 2, 7, 7], n),
        "country": rng.integers(0, 6, n),
        "network": [key(6, int(w)) for w in rng.integers(0, 4, n)],
        "issuer": [key(9, int(i)) for i in rng.integers(0, 3, n)],
        "origin": [key(10, int(o)) for o in rng.integers(0, 6, n)],
        "token": [key(7, int(t)) for t in step],
        "successor": [key(7, int(t)) for t in np.where(rng.random(n) < 0.8, step + 1, rng.integers(0, 7, n))],
        "generation": np.where(rng.random(n) < 0.1, step, -1),
        "latest_generation": np.where(rng.random(n) < 0.1, step + rng.integers(0, 4, n), -1),
        "lat": [PLACES[p][0] for p in place],
        "lon": [PLACES[p][1] for p in place],
        "accuracy": rng.choice([-1, 0, 20, 60], n),
    }
    return RefreshBatch.of(**columns)


def hostile(batch: RefreshBatch) -> RefreshBatch:
    """The same events with keys that agree in their upper 48 bits, so that the quick sort of `Runs` must notice."""
    high = np.uint64(0xABCDEF0123450000)
    squeezed = {n: _squeeze(getattr(batch, n), high) for n in ("family", "subject")}
    return RefreshBatch.of(**{n: squeezed.get(n, getattr(batch, n)) for n in batch.__slots__})


def _squeeze(keys: NDArray[np.uint64], high: np.uint64) -> NDArray[np.uint64]:
    _, number = np.unique(keys, return_inverse=True)
    return np.where(keys == 0, np.uint64(0), high + number.astype(np.uint64) + np.uint64(1))


class Stream(NamedTuple):
    """How to make one ugly stream, and where to cut it; small enough to be printed when a law breaks."""

    seed: int
    events: int
    users: int
    hot: float
    spread_ms: int
    evil: bool
    cuts: tuple[int, ...]

    @property
    def whole(self) -> RefreshBatch:
        """All of it."""
        batch = ugly(self.seed, self.events, self.users, hot=self.hot, spread_ms=self.spread_ms)
        return hostile(batch) if self.evil else batch

    @property
    def parts(self) -> list[RefreshBatch]:
        """The same, cut; empty batches may be among the parts."""
        edges = [0, *sorted(min(cut, self.events) for cut in self.cuts), self.events]
        return [self.whole.take(slice(a, b)) for a, b in pairwise(edges)]


STREAMS = st.builds(
    Stream,
    seed=st.integers(0, 2**32 - 1),
    events=st.integers(0, 160),
    users=st.sampled_from([1, 3, 12, 100]),
    hot=st.sampled_from([0.0, 0.5, 1.0]),
    spread_ms=st.sampled_from([1, 1_000, 60_000, 1_200_000]),
    evil=st.booleans(),
    cuts=st.lists(st.integers(0, 160), max_size=6).map(tuple),
)
"""Any ugly stream: all one key, all distinct keys, bursts within a second, events hours apart, hostile keys."""
