"""Engine: events in, verdicts out; the one door through which the state changes.

For each batch: group it by family and by subject, let each signal measure and remember, weigh what they say. Any cut of
the stream into batches, and any snapshot and restore between them, gives the same verdicts, bit for bit:

- within a batch, an event sees the batch's earlier events of its key exactly as it would see them in memory;
- where a new key finds a table full, the batch is cut at that event, and room is made between the two parts;
- no clock is asked: `now` is stream time and only moves the state's clock, which verdicts do not depend on.
"""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from detector import pace
from detector.batch import RefreshBatch
from detector.config import DetectorConfig
from detector.fusion import Evidence, fuse
from detector.runs import MOST_EVENTS, Runs
from detector.signals import cadence, novelty, reuse, travel
from detector.signals.triage import Finding
from detector.state import State
from detector.table import Keyed
from detector.verdict import Verdicts


class Engine:
    """Judges the events of one partition. Behaviour is built from the configuration, cold or resumed, by one door."""

    def __init__(self, config: DetectorConfig, state: State | None = None) -> None:
        self.config = config
        self.state = state or State(config)

    @classmethod
    def restore(cls, config: DetectorConfig, snapshot: Mapping[str, NDArray[Any]]) -> Self:
        """An engine that goes on where `snapshot` was taken.

        Raises:
            ValueError: the snapshot is of another schema, or does not fit into the configuration.
        """
        return cls(config, State.of(config, snapshot))

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """All that is remembered, as arrays; the engine may go on, the snapshot stays what it is."""
        return self.state.arrays()

    def configure(self, config: DetectorConfig) -> None:
        """Judge by another configuration from the next event on; capacities stay those of the start."""
        self.config = config

    def process(self, batch: RefreshBatch, now: int) -> Verdicts:
        """Judge `batch`, in order, and learn from it. An empty batch is the tick.

        Args:
            batch: n events of one partition, as they stand in it; times below 2^44 ms.
            now: stream time, epoch milliseconds.

        Returns:
            The verdicts on the flagged events; `row` counts from the batch's start.
        """
        self.state.clock = max(self.state.clock, now)
        verdicts, done = [], 0
        while done < len(batch):
            part = batch.take(slice(done, done + MOST_EVENTS))
            families, subjects = Runs(part.family), Runs(part.subject)
            fits = {
                self.state.families: self.state.families.fits(families),
                self.state.subjects: self.state.subjects.fits(subjects),
            }
            if full := [table for table, events in fits.items() if events == 0]:
                for table in full:
                    table.make_room()
                continue
            cut = min(fits.values())
            if cut < len(part):
                part = part.take(slice(0, cut))
                families, subjects = Runs(part.family), Runs(part.subject)
            verdicts.append(self._judge(part, families, subjects).moved(done))
            done += len(part)
        return Verdicts.concat(verdicts)

    def _judge(self, batch: RefreshBatch, family_runs: Runs, subject_runs: Runs) -> Verdicts:
        families = Keyed.look_up(self.state.families, family_runs, batch.at)
        subjects = Keyed.look_up(self.state.subjects, subject_runs, batch.at)
        reused = reuse.measure(families, batch, self.config.reuse)
        travelled = travel.measure(subjects, batch, reused.fresh, self.config.travel)
        paced = cadence.measure(families, subjects, batch, reused.fresh, self.config.cadence)
        taught = (travelled.grade < travel.IMPOSSIBLE) & (reused.finding < Finding.THEFT_SUSPECTED)
        new = novelty.measure(families, subjects, batch, reused.fresh, taught)
        evidence = Evidence(
            n=len(batch),
            grades={
                "reuse": reused.finding.astype(np.int64),
                "travel": travelled.grade,
                "cadence": paced.surprise >> pace.POINT,
                "novelty": new.grade,
            },
            measured={
                "reuse_depth": (reused.depth, 1),
                "reuse_age_s": (reused.age_ms, 1000),
                "travel_km": (travelled.km, 1),
                "travel_kmh": (travelled.kmh, 1),
                "cadence_family": (paced.family, 1 << pace.POINT),
                "cadence_subject": (paced.subject, 1 << pace.POINT),
                "cadence_surprise": (paced.surprise, 1 << pace.POINT),
                "novelty_subject": (new.subject, 1),
                "novelty_family": (new.family, 1),
            },
        )
        return fuse(evidence, self.config)
