"""Study: what the engine measures of recorded telemetry, wherever any of its signals is awake; nothing is decided.

The engine judges exactly as in a replay, but by a table in which nothing weighs anything and everything is told.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Final, NamedTuple

from detector.batch import RefreshBatch
from detector.config import DetectorConfig, Thresholds
from detector.engine import Engine
from detector.model import Model
from detector.odds import Odds
from detector.verdict import Verdicts
from ingest.columns import Columns
from ingest.formats import Format, RefreshEvent, Reject
from revocation.issuers import Issuers
from tokenward.lines import Line

BATCH = 16_384
"""Lines of one batch; more are no faster."""

OPEN: Final = Odds(prior=0, ladders={}, source="everything scores 0.5, so that everything is told")


class Seen(NamedTuple):
    """One batch, with a verdict on each event of which any signal says anything."""

    events: list[RefreshEvent]
    batch: RefreshBatch
    verdicts: Verdicts


class Study:
    """One pass over recorded telemetry."""

    def __init__(
        self, decode: Format, issuers: Issuers, columns: Columns, config: DetectorConfig, model: Model | None = None
    ) -> None:
        self.events = 0
        self.rejected: Counter[str] = Counter()
        self._decode = decode
        self._issuers = issuers
        self._columns = columns
        self._engine = Engine(replace(config, odds=OPEN, thresholds=Thresholds()), model)
        self._now = 0

    def batches(self, lines: Iterable[Line]) -> Iterator[Seen]:
        """Batch after batch, in the order of the stream."""
        rest = iter(lines)
        while part := list(islice(rest, BATCH)):
            events = list(self._decoded(part))
            batch = self._columns.batch(events)
            self._now = max(self._now, int(batch.at.max(initial=0)))
            self.events += len(events)
            yield Seen(events, batch, self._engine.process(batch, self._now))

    def _decoded(self, part: Iterable[Line]) -> Iterator[RefreshEvent]:
        for line in part:
            try:
                yield from self._decode(line.value, self._issuers)
            except Reject as reject:
                self.rejected[reject.reason] += 1
