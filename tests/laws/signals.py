"""Each signal as the laws see it: what it says of a stream's events, as (event, numbers), whatever else is flagged."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import NamedTuple, TypeVar

import numpy as np

from detector.batch import RefreshBatch
from detector.columnar import Columnar
from detector.config import DetectorConfig, Thresholds
from detector.engine import Engine
from detector.model import Model
from detector.origins import OriginEngine
from detector.tallies import Tallies
from detector.verdict import CHANNELS, MEASUREMENTS, Reason, Verdicts
from tests.laws.streams import START, TINY, Stream

SAID = list[tuple[int, ...]]
Rows = TypeVar("Rows", bound=Columnar)
LISTENING = Thresholds(watch=1e-7)
"""Every event of which any signal says something is told."""
WATCHFUL = replace(TINY, thresholds=LISTENING)
ROOMY = replace(WATCHFUL, families=1000, subjects=1000, pairs=1000, segments=1000, clients=1000, origins=1000)


def whole(stream: Stream) -> list[RefreshBatch]:
    """The stream in one batch."""
    return [stream.whole]


class Run(NamedTuple):
    """How a stream is played: how it is delivered, whether each part meets a restored engine, and what time it is."""

    stream: Stream
    delivered: Callable[[Stream], list[RefreshBatch]] = whole
    roomy: bool = False
    restoring: bool = False
    now: int = START
    model: Model | None = None

    @property
    def config(self) -> DetectorConfig:
        """Room for a few keys, or for all; everything of which any signal says something is told."""
        return ROOMY if self.roomy else WATCHFUL


class Played(NamedTuple):
    """What came of a run: verdicts on the whole stream, the tallies of each part, how full each table was, at most."""

    verdicts: Verdicts
    tallies: list[Tallies]
    fullest: dict[str, int]


@cache
def judged(run: Run) -> Played:
    """The engine's verdicts and tallies; the arrays that it is given cannot be written to."""
    engine, verdicts, tallies, done, fullest = Engine(run.config, run.model), [], [], 0, dict[str, int]()
    for part in run.delivered(run.stream):
        judgement = engine.judge(_locked(part), run.now)
        engine.state.check()
        verdicts.append(judgement.verdicts.moved(done))
        tallies.append(_locked(judgement.tallies))
        done += len(part)
        fullest = {name: max(len(table), fullest.get(name, 0)) for name, table in engine.state.tables.items()}
        if run.restoring:
            engine = Engine.restore(run.config, run.model, engine.snapshot())
    return Played(Verdicts.concat(verdicts), tallies, fullest)


@cache
def of_origins(run: Run) -> Played:
    """The origin stage's verdicts on the stream's tallies, cut where the stream is cut."""
    engine, verdicts, done, fullest = OriginEngine(run.config), [], 0, 0
    for tallies in judged(run).tallies:
        verdicts.append(engine.process(tallies, run.now).moved(done))
        engine.origins.check()
        done += len(tallies)
        fullest = max(fullest, len(engine.origins))
        if run.restoring:
            engine = OriginEngine.restore(run.config, engine.snapshot())
    return Played(Verdicts.concat(verdicts), judged(run).tallies, {"origins": fullest})


def _locked(columns: Rows) -> Rows:
    for name in columns.SCHEMA:
        getattr(columns, name).flags.writeable = False
    return columns


def _columns(verdicts: Verdicts, channel: str, *measurements: str) -> SAID:
    """The rows where a channel has a grade, with the grade and the bits of its measurements."""
    grade = verdicts.grades[:, CHANNELS.index(channel)]
    told = np.flatnonzero(grade)
    values = verdicts.measurements[told][:, [MEASUREMENTS.index(name) for name in measurements]]
    bits = np.ascontiguousarray(values).view(np.uint32).reshape(len(told), len(measurements))
    return [tuple(row) for row in np.column_stack([verdicts.row[told], grade[told], bits]).tolist()]


def _bits(verdicts: Verdicts, reasons: int, *, incidents: bool = False) -> SAID:
    """The rows that bear any of the reasons, with those; and with the segment of an incident."""
    here = verdicts.reasons & np.uint64(reasons)
    incident = verdicts.incident if incidents else np.zeros(len(verdicts), np.uint8)
    told = np.flatnonzero((here != 0) | (incident != 0))
    return [tuple(row) for row in np.column_stack([verdicts.row[told], here[told], incident[told]]).tolist()]


SYSTEMIC = Reason.SYSTEMIC_REUSE | Reason.SYSTEMIC_TRAVEL | Reason.SYSTEMIC_VOLUME
SIGNALS: dict[str, Callable[[Run], SAID]] = {
    "reuse": lambda run: _columns(judged(run).verdicts, "reuse", "reuse_depth", "reuse_age_s"),
    "travel": lambda run: _columns(judged(run).verdicts, "travel", "travel_km", "travel_kmh"),
    "cadence": lambda run: _columns(
        judged(run).verdicts, "cadence", "cadence_family", "cadence_subject", "cadence_surprise"
    ),
    "failure": lambda run: _columns(judged(run).verdicts, "failure", "failure_count", "failure_surprise"),
    "spread": lambda run: _columns(judged(run).verdicts, "spread", "spread_count", "spread_surprise"),
    "novelty": lambda run: _columns(judged(run).verdicts, "novelty", "novelty_subject", "novelty_family"),
    "model": lambda run: _columns(judged(run).verdicts, "model", "model_score"),
    "effectiveness": lambda run: _bits(judged(run).verdicts, Reason.EFFECTIVENESS_REFRESHED),
    "systemic": lambda run: _bits(judged(run).verdicts, SYSTEMIC, incidents=True),
    "origin failure": lambda run: _columns(of_origins(run).verdicts, "failure", "failure_count", "failure_surprise"),
    "origin spread": lambda run: _columns(of_origins(run).verdicts, "spread", "spread_count", "spread_surprise"),
}
"""Name -> what it says."""
