"""The engine's laws, on ugly streams."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.batch import RefreshBatch
from detector.config import DetectorConfig, SystemicConfig
from detector.engine import Engine
from detector.verdict import Verdicts, slugs
from tests.laws.streams import START, STREAMS, TINY, Stream, hostile, ugly
from tests.slow_twin import SlowTwin

WIDE = replace(TINY, families=1000, subjects=1000, pairs=1000, segments=1000, clients=1000, origins=1000)
CONFIGS = st.sampled_from([TINY, WIDE])


def same(a: Verdicts, b: Verdicts) -> bool:
    """Whether both are equal, bit for bit."""
    return all(getattr(a, f.name).tobytes() == getattr(b, f.name).tobytes() for f in fields(Verdicts))


def in_parts(engine: Engine, parts: list[RefreshBatch], *, restoring: bool) -> Verdicts:
    """Process the parts one after another, each by an engine restored from the one before if asked for."""
    verdicts, done = [], 0
    for part in parts:
        verdicts.append(engine.process(part, START).moved(done))
        engine.state.check()
        done += len(part)
        if restoring:
            engine = Engine.restore(engine.config, None, engine.snapshot())
    return Verdicts.concat(verdicts)


@given(STREAMS, CONFIGS)
def test_split_law(stream: Stream, config: DetectorConfig) -> None:
    """Any cut of the stream into batches gives the same verdicts, bit for bit."""
    assert same(Engine(config).process(stream.whole, START), in_parts(Engine(config), stream.parts, restoring=False))


@given(STREAMS, CONFIGS)
def test_restore_law(stream: Stream, config: DetectorConfig) -> None:
    """Snapshot and restore between any two batches changes nothing."""
    assert same(Engine(config).process(stream.whole, START), in_parts(Engine(config), stream.parts, restoring=True))


@given(STREAMS, CONFIGS)
def test_twin_law(stream: Stream, config: DetectorConfig) -> None:
    """The engine says what a slow twin says that takes one event at a time."""
    batch = stream.whole
    twin = SlowTwin(config)
    columns = {name: getattr(batch, name).tolist() for name in batch.__slots__}
    slow = [twin.process({name: column[i] for name, column in columns.items()}) for i in range(len(batch))]

    verdicts = Engine(config).process(batch, START)

    fast = dict.fromkeys(range(len(batch)))
    said = {
        int(row): (tuple(slugs(int(reasons))), float(score))
        for row, reasons, score in zip(verdicts.row, verdicts.reasons, verdicts.score, strict=True)
    }
    assert dict(enumerate(slow)) == fast | said


@given(STREAMS, st.integers(0, 2**64 - 1))
def test_relabelling_keys_changes_nothing(stream: Stream, mask: int) -> None:
    """Other keys for the same families and subjects give the same verdicts, as long as nothing is forgotten."""
    batch = stream.whole
    other = replace(
        batch,
        **{n: np.where(k := getattr(batch, n), k ^ np.uint64(mask | 1 << 63) | np.uint64(0), k) for n in ("subject",)},
    )

    assert same(Engine(WIDE).process(batch, START), Engine(WIDE).process(other, START))


@given(STREAMS)
def test_subjects_do_not_influence_one_another(stream: Stream) -> None:
    """One subject's events never change another's verdicts, but through what many show at once; that is kept still."""
    no_servers = replace(WIDE.travel, server_subjects=1_000_000)
    still = replace(WIDE, systemic=SystemicConfig(hold_nats=1_000_000), travel=no_servers)
    batch = stream.whole
    apart = replace(batch, subject=batch.family, partition=batch.partition)  # whole families belong to one subject
    chosen = apart.subject == (apart.subject[0] if len(apart) else 0)
    together = Engine(still).process(apart, START)

    alone = Engine(still).process(apart.take(chosen), START)

    theirs = np.isin(together.row, np.flatnonzero(chosen))
    assert together.reasons[theirs].tolist() == alone.reasons.tolist()
    assert together.score[theirs].tolist() == alone.score.tolist()


@given(STREAMS)
def test_input_is_left_alone(stream: Stream) -> None:
    """The batch's arrays are the same after judging as before."""
    batch = stream.whole
    before = {name: getattr(batch, name).tobytes() for name in batch.__slots__}

    Engine(TINY).process(batch, START)

    assert before == {name: getattr(batch, name).tobytes() for name in batch.__slots__}


@given(STREAMS, st.integers(0, 2**44))
def test_now_does_not_change_verdicts(stream: Stream, now: int) -> None:
    """Verdicts depend on the stream alone; `now` only moves the clock, and never back."""
    batch = stream.whole
    engine = Engine(TINY)
    engine.process(RefreshBatch.empty(), START)

    assert same(Engine(TINY).process(batch, START), engine.process(batch, now))
    assert engine.state.clock == max(START, now)


@given(STREAMS)
def test_memory_is_bounded(stream: Stream) -> None:
    """No table ever holds more keys than its capacity, and what it forgot is counted."""
    batch = stream.whole
    engine = Engine(TINY)

    engine.process(batch, START)

    seen = len(np.unique(batch.family[batch.family != 0]))
    families = engine.state.families
    assert len(families) <= TINY.families
    assert families.evicted >= seen - len(families)


@given(STREAMS)
def test_redelivered_events_are_no_reuse(stream: Stream) -> None:
    """A stream in which each record comes twice in a row has the verdicts of the stream in which it comes once."""
    batch = stream.whole
    distinct = replace(batch, event=np.arange(1, len(batch) + 1, dtype=np.uint64))
    distinct = distinct.take(distinct.family != 0)
    once = Engine(TINY).process(distinct, START)

    twice = Engine(TINY).process(distinct.take(np.repeat(np.arange(len(distinct)), 2)), START)

    assert twice.row.tolist() == (once.row * 2).tolist()
    assert twice.reasons.tolist() == once.reasons.tolist()


@pytest.mark.slow
@pytest.mark.parametrize("evil", [False, True])
def test_large_batches_equal_small_ones(evil: bool) -> None:
    """A batch larger than one Runs may hold, thousands of families, full tables: as in small parts."""
    batch = ugly(5, 150_000, 30_000, hot=0.1, spread_ms=20)
    batch = hostile(batch) if evil else batch
    config = replace(TINY, families=5000, subjects=9000, pairs=20_000, segments=1000, clients=100)
    parts = [batch.take(slice(a, a + 9_973)) for a in range(0, len(batch), 9_973)]

    whole = Engine(config).process(batch, START)

    assert len(whole) > 1000
    assert same(whole, in_parts(Engine(config), parts, restoring=False))
