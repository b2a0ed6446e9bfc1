"""Engine: events in, verdicts and tallies out; the one door through which the state changes.

For each batch: group it by family, subject and pair, let each signal measure and remember, weigh what they say. Any cut
of the stream into batches, and any snapshot and restore between them, gives the same verdicts, bit for bit:

- within a batch, an event sees the batch's earlier events of its key exactly as it would see them in memory;
- where a new key finds a table full, the batch is cut at that event, and room is made between the two parts;
- no clock is asked: `now` is stream time and only moves the state's clock, which verdicts do not depend on.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from numpy.typing import NDArray

from detector.batch import RefreshBatch
from detector.config import DetectorConfig
from detector.fusion import Scale, fuse
from detector.measure import Groups, measure
from detector.model import Model
from detector.runs import MOST_EVENTS
from detector.state import State
from detector.systemic import segment_keys
from detector.tallies import Tallies
from detector.verdict import Verdicts


class Judgement(NamedTuple):
    """What came of a batch: the verdicts on it, and what the origin stage is to be told of it."""

    verdicts: Verdicts
    tallies: Tallies


class Engine:
    """Judges the events of one partition. Behaviour is built from the configuration, cold or resumed, by one door."""

    def __init__(self, config: DetectorConfig, model: Model | None = None, state: State | None = None) -> None:
        self.config = config
        self.model = model
        self.state = state or State(config)

    @classmethod
    def restore(cls, config: DetectorConfig, model: Model | None, snapshot: Mapping[str, NDArray[Any]]) -> Self:
        """An engine that goes on where `snapshot` was taken.

        Raises:
            ValueError: the snapshot is of another schema, or does not fit into the configuration.
        """
        return cls(config, model, State.of(config, snapshot))

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
        return self.judge(batch, now).verdicts

    def judge(self, batch: RefreshBatch, now: int) -> Judgement:
        """The same as `process`, and the tallies of its telling events, in the batch's order."""
        self.state.clock = max(self.state.clock, now)
        scale = Scale(self.config.odds)
        verdicts, tallies, done, most = [], [], 0, MOST_EVENTS
        while done < len(batch):
            part = batch.take(slice(done, done + most))
            groups = Groups.of(part)
            cut = self._make_room(part, groups)
            if cut == 0:
                continue
            most = min(2 * min(cut, len(part)), MOST_EVENTS)  # where room is scarce, little is grouped in vain
            if cut < len(part):
                part = part.take(slice(0, cut))
                groups = Groups.of(part)
            evidence, told = measure(self.state, part, groups, self.config)
            verdicts.append(fuse(evidence, scale, self.config.thresholds, self.model).moved(done))
            tallies.append(told)
            done += len(part)
        return Judgement(Verdicts.concat(verdicts), Tallies.concat(tallies))

    def _make_room(self, part: RefreshBatch, groups: Groups) -> int:
        """How many of the part's first events have room everywhere; 0: none had, and there is room now."""
        state = self.state
        fits = {
            state.families: state.families.fits(groups.families),
            state.subjects: state.subjects.fits(groups.subjects),
            state.pairs: state.pairs.fits(groups.pairs),
            state.clients: state.clients.fits(groups.clients),
            state.segments: state.segments.fits_events(segment_keys(part).values()),
        }
        for table in (table for table, events in fits.items() if events == 0):
            table.make_room()
        return min(fits.values())
