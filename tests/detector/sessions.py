"""Rows of plain columns to batches: many sessions, one line each, for the signals' own tests."""

from typing import Any, Final

from detector.batch import RefreshBatch
from detector.config import DetectorConfig, Thresholds
from detector.engine import Engine
from detector.verdict import CHANNELS, Verdicts

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
START: Final = 1_770_000_000_000 // DAY * DAY
"""Midnight of a day in February 2026."""

LISTENING: Final = DetectorConfig(thresholds=Thresholds(watch=1e-7))
"""Every event of which any signal says something is told."""

Row = dict[str, Any]


def key(kind: str, number: int) -> int:
    """A well-mixed key of the kind's own; 0 stays "not known"."""
    salt = sum(map(ord, kind)) * 0xBF58476D1CE4E5B9
    return (number * 0x9E3779B97F4A7C15 + salt) % 2**64 if number else 0


def batch_of(rows: list[Row]) -> RefreshBatch:
    """The rows as columns; `at` counts milliseconds from START, other columns hold 0 where a row does not say."""
    fills = {"accuracy": -1, "generation": -1, "latest_generation": -1}
    names = {name for row in rows for name in row}
    columns = {name: [row.get(name, fills.get(name, 0)) for row in rows] for name in names}
    return RefreshBatch.of(**columns | {"at": [START + row.get("at", 0) for row in rows]})


def judged(rows: list[Row], config: DetectorConfig = LISTENING) -> Verdicts:
    """What a fresh engine says of the rows."""
    return Engine(config).process(batch_of(rows), START)


def grades(channel: str, rows: list[Row], config: DetectorConfig = LISTENING) -> list[int]:
    """The grade that the channel gives each row, 0 where it says nothing."""
    verdicts = judged(rows, config)
    told = verdicts.grades[:, CHANNELS.index(channel)].tolist()
    by_row = dict(zip(verdicts.row.tolist(), told, strict=True))
    return [by_row.get(row, 0) for row in range(len(rows))]
