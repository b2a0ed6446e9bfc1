"""`geoip`: people who stay where they are, while a GeoIP database says something else of their address.

Three kinds of stationary people, a third each: those whose address moves inside one /24 of which the database says
another city each time; those of whom it has no city-level record; those whose provider's records jump with an update
of the database. None may be quarantined or revoked. A control group that truly is in two far places within minutes, on
two networks, must be flagged: else the bench would prove nothing. Chance is seeded.
"""

import argparse
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bench.releasing import rules
from bench.report import Figures
from detector.batch import UNKNOWN, RefreshBatch
from detector.engine import Engine
from detector.verdict import Level
from revocation.decide import Memory, decide

START_MS: Final = 1_770_000_000_000
PACE_MS: Final = 5 * 60_000
CITIES: Final = np.array([(5252, 1340), (4885, 235), (4071, -7400), (-3387, 15121), (3568, 13969), (-2355, -4664)])
"""Hundredths of a degree."""
ROUNDS: Final = 48


def _key(salt: int, number: NDArray[Any]) -> NDArray[np.uint64]:
    return (number.astype(np.uint64) + np.uint64(salt << 40)) * np.uint64(0x9E3779B97F4A7C15)


def events(people: int, control: int, seed: int) -> RefreshBatch:
    """`ROUNDS` refreshes each, five minutes apart; the last `control` persons are in two places in turn."""
    rng = np.random.default_rng(seed)
    who = np.tile(np.arange(people + control), ROUNDS)
    turn = np.repeat(np.arange(ROUNDS), people + control)
    travels = who >= people
    kind = who % 3
    update = rng.integers(1, ROUNDS, people + control)[who]
    said = np.where(kind == 0, rng.integers(0, len(CITIES), len(who)), who + (turn >= update))
    city = CITIES[np.where(travels, who + turn, said) % len(CITIES)]
    return RefreshBatch.of(
        at=START_MS + turn * PACE_MS + rng.integers(0, 60_000, len(who)),
        event=_key(1, np.arange(len(who)) + 1),
        issuer=np.full(len(who), next(iter(rules().issuers)), np.uint64),
        subject=_key(2, who + 1),
        family=_key(3, who + 1),
        device=_key(4, who + 1),
        network=_key(5, 1 + who * 2 + travels * (turn % 2)),
        origin=_key(6, 1 + who * 256 + rng.integers(0, 256, len(who))),
        token=_key(7, who * ROUNDS + turn + 1),
        successor=_key(7, who * ROUNDS + turn + 2 + (turn == ROUNDS - 1) * people * ROUNDS),
        lat=city[:, 0],
        lon=city[:, 1],
        accuracy=np.where((kind == 1) & ~travels, UNKNOWN, 20),
    )


def run(arguments: Sequence[str]) -> Figures:
    """Judge them, and decide."""
    parser = argparse.ArgumentParser(prog="python -m bench geoip", description=__doc__)
    parser.add_argument("--people", type=int, default=3_000)
    parser.add_argument("--control", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)

    ready = rules()
    batch = events(options.people, options.control, options.seed)
    verdicts = Engine(ready.detector).process(batch, int(batch.at.max()))
    still = _key(2, np.arange(options.people) + 1)
    decision = decide(verdicts, batch, ready, int(batch.at.max()), Memory())
    levels = [alert.level for alert in decision.alerts if batch.subject[alert.row] in still]
    flagged = batch.subject[verdicts.row]
    return {
        "name": "geoip",
        "people": options.people,
        "events": options.people * ROUNDS,
        "flagged": int(np.isin(flagged, still).sum()),
        "quarantined": levels.count(Level.QUARANTINE),
        "revoked": levels.count(Level.REVOKE),
        "control": options.control,
        "control_flagged": len(np.setdiff1d(flagged, still)),
    }
