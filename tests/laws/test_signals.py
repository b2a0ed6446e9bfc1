"""Every signal x every law: one suite on a fixed set of ugly streams, each played once for each way of playing it."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np
import pytest

from detector import training
from detector.batch import RefreshBatch
from detector.columnar import Columnar
from detector.model import Forest
from detector.verdict import CHANNELS, MEASUREMENTS, Reason
from tests.laws.signals import ROOMY, SAID, SIGNALS, WATCHFUL, Run, judged, of_origins
from tests.laws.streams import START, Stream
from tests.slow_twin import SlowTwin
from tests.twin_of_origins import SlowOrigins

STREAMS: Final = [
    Stream(seed, events=80, users=users, hot=hot, spread_ms=spread_ms, evil=evil, cuts=(7, 8, 31, 31, 60))
    for seed, users, hot, spread_ms, evil in [
        (36, 12, 0.0, 1_000, False),
        (40, 6, 0.0, 1_000, True),
        (45, 12, 0.5, 1_000, True),
        (59, 12, 0.5, 60_000, False),
    ]
]
"""Hot and even, quick and slow, friendly and hostile; small tables evict, and parts are cut within bursts."""


@cache
def forest() -> Forest:
    """A forest of what chance measures."""
    return training.fit(np.random.default_rng(3).gamma(1, 50, (300, len(MEASUREMENTS))).astype(np.float32), seed=1)


def said(signal: str, run: Run) -> SAID:
    """What the signal says of the run; the model needs a forest."""
    return SIGNALS[signal](run._replace(model=forest()) if signal == "model" else run)


def in_parts(stream: Stream) -> list[RefreshBatch]:
    """The stream, cut."""
    return stream.parts


def again(stream: Stream) -> list[RefreshBatch]:
    """The stream in one batch, once more."""
    return [stream.whole]


def distinct(stream: Stream) -> list[RefreshBatch]:
    """The stream's events of known families, each with an id of its own."""
    batch = stream.whole
    batch = replace(batch, event=np.arange(1, len(batch) + 1, dtype=np.uint64))
    return [batch.take(batch.family != 0)]


def twice(stream: Stream) -> list[RefreshBatch]:
    """The same, each record delivered twice in a row."""
    batch = distinct(stream)[0]
    return [batch.take(np.repeat(np.arange(len(batch)), 2))]


def splits(signal: str, stream: Stream) -> None:
    """Any cut of the stream says the same."""
    assert said(signal, Run(stream)) == said(signal, Run(stream, in_parts))


def restores(signal: str, stream: Stream) -> None:
    """Snapshot and restore between any two parts say the same."""
    assert said(signal, Run(stream)) == said(signal, Run(stream, in_parts, restoring=True))


def repeats(signal: str, stream: Stream) -> None:
    """The same input is answered the same, by another engine."""
    assert said(signal, Run(stream)) == said(signal, Run(stream, again))


def asks_no_clock(signal: str, stream: Stream) -> None:
    """Another `now` changes nothing."""
    assert said(signal, Run(stream)) == said(signal, Run(stream, now=START + 10**11))


def leaves_input_alone(signal: str, stream: Stream) -> None:
    """Arrays that cannot be written to are judged all the same: every run locks them."""
    fresh = stream.whole
    before = {name: getattr(fresh, name).tobytes() for name in fresh.SCHEMA}

    assert said(signal, Run(stream, lambda _: [fresh])) == said(signal, Run(stream))
    assert before == {name: getattr(fresh, name).tobytes() for name in fresh.SCHEMA}


def ignores_redelivery(signal: str, stream: Stream) -> None:
    """Each record delivered twice says what it says once: at its first row, or (of tallies) at the same one."""
    step = 1 if signal.startswith("origin") else 2
    once = said(signal, Run(stream, distinct, roomy=True))

    assert [(row * step, *rest) for row, *rest in once] == said(signal, Run(stream, twice, roomy=True))


def is_bounded(signal: str, stream: Stream) -> None:
    """No table ever holds more than its capacity, though the stream has more keys than that."""
    run = Run(stream, in_parts)
    fullest = (of_origins if signal.startswith("origin") else judged)(run).fullest

    assert {name: most for name, most in fullest.items() if most > getattr(WATCHFUL, name)} == {}


def equals_its_twin(signal: str, stream: Stream) -> None:
    """A twin in plain Python that takes one event at a time has the same grades."""
    twin = twin_of(signal, stream)
    width = len(twin[0]) if twin else 0

    assert [row[:width] for row in said(signal, Run(stream, roomy=True))] == twin


LAWS: Final[dict[str, Callable[[str, Stream], None]]] = {
    "split": splits,
    "restore": restores,
    "same again": repeats,
    "no clock": asks_no_clock,
    "input left alone": leaves_input_alone,
    "redelivery": ignores_redelivery,
    "bounded": is_bounded,
    "twin": equals_its_twin,
}


def rows_of(columns: Columnar) -> list[dict[str, int]]:
    """One dict an event."""
    values = {name: getattr(columns, name).tolist() for name in columns.SCHEMA}
    return [{name: column[row] for name, column in values.items()} for row in range(len(columns))]


@cache
def slow(stream: Stream) -> dict[str, SAID]:
    """What the engine's twin says, by signal: (event, grade), or (event, reasons, segment)."""
    twin = SlowTwin(ROOMY)
    found: dict[str, SAID] = {name: [] for name in (*CHANNELS, "systemic", "effectiveness")}
    for row, event in enumerate(rows_of(stream.whole)):
        twin.process(event)
        for channel, grade in twin.grades.items():
            found[channel] += [(row, grade)] * (grade > 0)
        causes = (Reason.SYSTEMIC_REUSE, Reason.SYSTEMIC_TRAVEL, Reason.SYSTEMIC_VOLUME)
        bits = sum(bit for bit, here in zip(causes, twin.held.causes, strict=True) if here)
        found["systemic"] += [(row, bits, twin.held.incident)] * (bits > 0 or twin.held.incident > 0)
        found["effectiveness"] += [(row, int(Reason.EFFECTIVENESS_REFRESHED), 0)] * twin.revived
    return found


def slow_model(stream: Stream) -> SAID:
    """The forest's grades of the stream's measurements, one row at a time."""
    verdicts = judged(Run(stream, roomy=True, model=forest())).verdicts
    rows = zip(verdicts.row.tolist(), verdicts.measurements, strict=True)
    return [(row, int(forest().grade(measured[None])[0])) for row, measured in rows]


@cache
def slow_origins(stream: Stream) -> dict[str, SAID]:
    """What the origin stage's twin says, by signal."""
    twin = SlowOrigins(ROOMY)
    found: dict[str, SAID] = {"origin failure": [], "origin spread": []}
    tallies = [tally for part in judged(Run(stream, roomy=True)).tallies for tally in rows_of(part)]
    for row, tally in enumerate(tallies):
        for signal, grade in zip(found, twin.process(tally), strict=True):
            found[signal] += [(row, grade)] * (grade > 0)
    return found


def twin_of(signal: str, stream: Stream) -> SAID:
    """What the signal's twin says."""
    if signal == "model":
        return slow_model(stream)
    return (slow_origins if signal.startswith("origin") else slow)(stream)[signal]


@pytest.mark.parametrize(
    ("signal", "law"), [pytest.param(signal, law, id=f"{signal}:{law}") for signal in SIGNALS for law in LAWS]
)
def test_law(signal: str, law: str) -> None:
    """The signal keeps the law on every stream."""
    for stream in STREAMS:
        LAWS[law](signal, stream)


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("roomy", [False, True], ids=["small", "roomy"])
def test_streams_make_every_signal_speak(signal: str, *, roomy: bool) -> None:
    """A signal that is silent would keep every law: each says something of one of the streams at least."""
    speaking = [stream for stream in STREAMS if said(signal, Run(stream, roomy=roomy))]

    assert len(speaking) >= 1


def test_streams_have_more_keys_than_small_tables_hold() -> None:
    """Small tables evict on most of these streams: else the laws would say nothing of it."""
    families = [len(np.unique(stream.whole.family)) for stream in STREAMS]

    assert sum(number > WATCHFUL.families + 1 for number in families) >= 2
