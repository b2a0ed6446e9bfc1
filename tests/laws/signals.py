"""Each signal as the laws see it: what it says of a stream's events, as (event, numbers), whatever else is flagged."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from detector.batch import RefreshBatch
from detector.config import DetectorConfig, Thresholds
from detector.engine import Engine
from detector.model import Model
from detector.origins import OriginEngine
from detector.tallies import Tallies
from detector.verdict import CHANNELS, MEASUREMENTS, Reason, Verdicts
from tests.laws.streams import START, TINY

SAID = list[tuple[int, ...]]
LISTENING = Thresholds(watch=1e-7)
"""Every event of which any signal says something is told."""
WATCHFUL = replace(TINY, thresholds=LISTENING)
ROOMY = replace(WATCHFUL, families=1000, subjects=1000, pairs=1000, segments=1000, clients=1000, origins=1000)


class Run(NamedTuple):
    """How a stream is played: where it is cut, whether each part meets a restored engine, and what time it is."""

    parts: Sequence[RefreshBatch]
    config: DetectorConfig
    restoring: bool = False
    now: int = START
    model: Model | None = None


def judged(run: Run) -> tuple[Verdicts, list[Tallies]]:
    """The verdicts on the whole stream, and the tallies of each part."""
    engine, verdicts, tallies, done = Engine(run.config, run.model), [], [], 0
    for part in run.parts:
        judgement = engine.judge(part, run.now)
        engine.state.check()
        verdicts.append(judgement.verdicts.moved(done))
        tallies.append(judgement.tallies)
        done += len(part)
        if run.restoring:
            engine = Engine.restore(run.config, run.model, engine.snapshot())
    return Verdicts.concat(verdicts), tallies


def of_origins(run: Run) -> Verdicts:
    """The origin stage's verdicts on the stream's tallies, cut where the stream is cut."""
    engine, verdicts, done = OriginEngine(run.config), [], 0
    for tallies in judged(run)[1]:
        verdicts.append(engine.process(tallies, run.now).moved(done))
        engine.origins.check()
        done += len(tallies)
        if run.restoring:
            engine = OriginEngine.restore(run.config, engine.snapshot())
    return Verdicts.concat(verdicts)


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
    "reuse": lambda run: _columns(judged(run)[0], "reuse", "reuse_depth", "reuse_age_s"),
    "travel": lambda run: _columns(judged(run)[0], "travel", "travel_km", "travel_kmh"),
    "cadence": lambda run: _columns(judged(run)[0], "cadence", "cadence_family", "cadence_subject", "cadence_surprise"),
    "failure": lambda run: _columns(judged(run)[0], "failure", "failure_count", "failure_surprise"),
    "spread": lambda run: _columns(judged(run)[0], "spread", "spread_count", "spread_surprise"),
    "novelty": lambda run: _columns(judged(run)[0], "novelty", "novelty_subject", "novelty_family"),
    "model": lambda run: _columns(judged(run)[0], "model", "model_score"),
    "effectiveness": lambda run: _bits(judged(run)[0], Reason.EFFECTIVENESS_REFRESHED),
    "systemic": lambda run: _bits(judged(run)[0], SYSTEMIC, incidents=True),
    "origin failure": lambda run: _columns(of_origins(run), "failure", "failure_count", "failure_surprise"),
    "origin spread": lambda run: _columns(of_origins(run), "spread", "spread_count", "spread_surprise"),
}
"""Name -> what it says."""
