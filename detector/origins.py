"""Origins: the second stage's engine. It sees each address, autonomous system and program whole, and judges it.

The same laws hold as for `detector.engine`: any cut of the tallies, any snapshot and restore, the same verdicts. Two
signals speak here: `failure` (strangers' tokens are refused: stuffing) and `spread` (strangers in unusual numbers). The
second alone is only watched, and only of addresses: every carrier and every program meets strangers all day.
"""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from detector import pace
from detector.config import DetectorConfig
from detector.fusion import Evidence, Scale, fuse
from detector.runs import MOST_EVENTS, Runs
from detector.signals import failure, spread
from detector.signals.spread import Met
from detector.table import Keyed, Table
from detector.tallies import OriginKind, Tallies
from detector.verdict import Reason, Verdicts
from detector.weights import ORIGIN_ODDS

SCHEMA_VERSION = 1
SCALE = Scale(ORIGIN_ODDS, {"failure": Reason.FAILURE_STUFFING, "spread": Reason.SPREAD_ORIGIN})
ONE = 1 << pace.POINT
_MIX = np.uint64(0x9E3779B97F4A7C15)


class OriginEngine:
    """Judges the origins of one partition of tallies."""

    def __init__(self, config: DetectorConfig) -> None:
        self.config = config
        self.origins = Table(config.origins, spread.ORIGIN_SCHEMA | failure.ORIGIN_SCHEMA)
        self.clock = 0

    @classmethod
    def restore(cls, config: DetectorConfig, snapshot: Mapping[str, NDArray[Any]]) -> Self:
        """An engine that goes on where `snapshot` was taken.

        Raises:
            ValueError: the snapshot is of another schema, or does not fit into the configuration.
        """
        version = int(snapshot["schema"][0])
        if version != SCHEMA_VERSION:
            raise ValueError(f"The snapshot has schema {version}, this program {SCHEMA_VERSION}: start without it.")
        engine = cls(config)
        engine.clock = int(snapshot["clock"][0])
        engine.origins.load({n.removeprefix("origins."): a for n, a in snapshot.items() if n.startswith("origins.")})
        return engine

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All that is remembered, as arrays; the engine may go on, the snapshot stays what it is."""
        kept = {f"origins.{name}": array for name, array in self.origins.arrays().items()}
        return {"schema": np.array([SCHEMA_VERSION]), "clock": np.array([self.clock]), **kept}

    def configure(self, config: DetectorConfig) -> None:
        """Judge by another configuration from the next tally on; capacities stay those of the start."""
        self.config = config

    def process(self, tallies: Tallies, now: int) -> Verdicts:
        """Judge the origins of n tallies, in order, and learn from them; `row` counts from their start."""
        self.clock = max(self.clock, now)
        verdicts, done, most = [], 0, MOST_EVENTS
        while done < len(tallies):
            part = tallies.take(slice(done, done + most))
            runs = Runs(_keys(part))
            cut = self.origins.fits(runs)
            if cut == 0:
                self.origins.make_room()
                continue
            most = min(2 * min(cut, len(part)), MOST_EVENTS)  # where room is scarce, little is grouped in vain
            if cut < len(part):
                part = part.take(slice(0, cut))
                runs = Runs(_keys(part))
            evidence = self._measure(part, Keyed.look_up(self.origins, runs, part.at))
            verdicts.append(fuse(evidence, SCALE, self.config.thresholds).moved(done))
            done += len(part)
        return Verdicts.concat(verdicts)

    def _measure(self, part: Tallies, origins: Keyed) -> Evidence:
        met = Met(part.contact, part.stranger, part.level)
        reached = spread.reach(origins, met, self.config.spread)
        refused = (part.refused != 0) & ~part.held
        config = self.config.failure
        stuffed = failure.stuffing(
            origins, part.contact & part.stranger, refused, part.fault, config.origin_floor, config.hold_nats
        )
        nats = np.where(part.kind == OriginKind.ADDRESS, reached.surprise.max(axis=1), 0)
        return Evidence(
            n=len(part),
            grades={"failure": stuffed.surprise >> pace.POINT, "spread": nats >> pace.POINT},
            measured={
                "failure_count": (stuffed.level, ONE),
                "failure_surprise": (stuffed.surprise, ONE),
                "spread_count": (reached.level[:, 0], ONE),
                "spread_surprise": (nats, ONE),
            },
        )


def _keys(part: Tallies) -> NDArray[np.uint64]:
    """One key for each origin of each kind, (n,)."""
    return (part.origin + part.kind) * _MIX | np.uint64(1)
