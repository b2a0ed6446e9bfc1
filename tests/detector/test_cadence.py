"""Bursts: counts against a key's own record."""

import numpy as np
import pytest

from detector.batch import Kind, RefreshBatch
from detector.config import DetectorConfig
from detector.engine import Engine
from detector.verdict import MEASUREMENTS, Level, slugs

HOUR = 3_600_000
START = 1_770_000_000_000 // HOUR * HOUR


def refreshes(at_ms: np.ndarray, family: int = 1, kind: Kind = Kind.REFRESH) -> RefreshBatch:
    """Refreshes of one family and subject, START + at_ms; no tokens are named, so that only the pace is judged."""
    n = len(at_ms)
    return RefreshBatch.of(
        at=START + at_ms, family=np.full(n, family), subject=np.full(n, family + 1), kind=np.full(n, kind)
    )


def levels(*batches: RefreshBatch) -> list[list[int]]:
    """The highest level of each batch's verdicts, in order, for one engine; 0 where nothing was flagged."""
    engine = Engine(DetectorConfig())
    return [[int(engine.process(batch, START).level.max(initial=0))] for batch in batches]


def test_a_burst_is_quarantined_and_shown() -> None:
    """A hundred refreshes within a minute: watched from some 57 on, quarantined from some 84 on."""
    verdicts = Engine(DetectorConfig()).process(refreshes(np.arange(100) * 500), START)

    first_watched, first_quarantined = verdicts.row[0], verdicts.row[verdicts.level == Level.QUARANTINE][0]
    assert 50 < first_watched < 62
    assert 80 < first_quarantined < 92
    assert {reason for bits in verdicts.reasons for reason in slugs(int(bits))} == {"cadence.burst"}
    assert 94 < verdicts.measurements[-1][MEASUREMENTS.index("cadence_family")] < 100


@pytest.mark.parametrize("every_s", [300, 60, 20])
def test_a_steady_pace_is_nothing(every_s: int) -> None:
    """A day of refreshes at a natural pace, even one every 20 seconds, flags nothing."""
    assert levels(refreshes(np.arange(86_400 // every_s) * every_s * 1000)) == [[0]]


def test_logins_and_logouts_are_not_counted() -> None:
    """Only refreshes have a pace."""
    assert levels(refreshes(np.arange(500) * 100, kind=Kind.LOGIN)) == [[0]]


def test_a_record_is_learnt_from_honest_hours_and_forgives_its_like() -> None:
    """Days of 45 refreshes at once teach a record, and 80 at once pass then, which are watched in a new family."""
    busy = np.concatenate([hour * HOUR + np.arange(45) * 1000 for hour in range(48)])
    burst = 50 * HOUR + np.arange(80) * 500

    assert levels(refreshes(busy), refreshes(burst)) == [[0], [0]]
    assert levels(refreshes(burst)) == [[Level.WATCH]]


def test_a_flood_teaches_nothing() -> None:
    """The same flood, hour after hour, is flagged every time: what is flagged is not learnt."""
    flood = [refreshes(hour * HOUR + np.arange(400) * 250) for hour in range(6)]

    assert levels(*flood) == [[Level.QUARANTINE]] * 6


def test_a_record_fades_with_a_half_life_of_a_week() -> None:
    """Four idle weeks after busy days, the record is a sixteenth and the floor holds again."""
    busy = np.concatenate([hour * HOUR + np.arange(45) * 1000 for hour in range(48)])
    burst = 28 * 24 * HOUR + np.arange(80) * 500

    assert levels(refreshes(busy), refreshes(burst)) == [[0], [Level.WATCH]]
