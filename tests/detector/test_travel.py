"""Impossible travel, one pair of events at a time."""

from typing import Any

import numpy as np
import pytest

from detector.batch import Kind, Outcome, RefreshBatch
from detector.config import DetectorConfig
from detector.engine import Engine
from detector.verdict import MEASUREMENTS, Level, slugs

START = 1_770_000_000_000
MINUTE = 60_000
BERLIN, POTSDAM, PARIS, TOKYO = (5252, 1340), (5240, 1306), (4886, 235), (3568, 13969)


def journey(*stops: tuple[float, tuple[int, int], dict[str, Any]]) -> RefreshBatch:
    """One subject, at (minute, place), each stop on a network of its own unless it says otherwise."""
    rows = [
        {
            "at": START + round(minute * MINUTE),
            "lat": lat,
            "lon": lon,
            "subject": 5,
            "network": 10 + n,
            "accuracy": 20,
            "kind": Kind.REFRESH,
            "outcome": Outcome.SUCCESS,
        }
        | columns
        for n, (minute, (lat, lon), columns) in enumerate(stops)
    ]
    return RefreshBatch.of(**{name: [row[name] for row in rows] for name in rows[0]})


def flagged(batch: RefreshBatch) -> list[int]:
    """The rows that the engine flags for travel."""
    verdicts = Engine(DetectorConfig()).process(batch, START)
    assert all(slugs(int(bits)) == ["travel.impossible"] for bits in verdicts.reasons)
    rows: list[int] = verdicts.row.tolist()
    return rows


@pytest.mark.parametrize(
    ("stops", "rows"),
    [
        (((0, BERLIN, {}), (5, TOKYO, {})), [1]),
        (((0, BERLIN, {}), (30, PARIS, {})), [1]),
        (((0, BERLIN, {}), (75, PARIS, {})), []),
        (((0, BERLIN, {}), (1, POTSDAM, {})), []),
        (((0, BERLIN, {}), (13 * 60, TOKYO, {})), []),
        (((0, BERLIN, {"network": 1}), (5, TOKYO, {"network": 1})), []),
        (((0, BERLIN, {"network": 0}), (5, TOKYO, {"network": 0})), [1]),
        (((0, BERLIN, {}), (5, TOKYO, {"accuracy": -1})), []),
        (((0, BERLIN, {"accuracy": -1}), (5, TOKYO, {})), []),
        (((0, BERLIN, {}), (5, PARIS, {"accuracy": 900})), []),
        (((0, BERLIN, {}), (2, TOKYO, {"accuracy": -1}), (5, BERLIN, {})), []),
        (((0, BERLIN, {}), (5, TOKYO, {"kind": Kind.LOGOUT})), []),
        (((0, BERLIN, {"kind": Kind.LOGIN}), (5, TOKYO, {"outcome": Outcome.REFUSED})), [1]),
        (((0, BERLIN, {}), (5, TOKYO, {}), (10, BERLIN, {})), [1, 2]),
        (((60, BERLIN, {}), (55, TOKYO, {}), (61, BERLIN, {})), [1]),
    ],
    ids=[
        "across the world in minutes",
        "sooner than a flight",
        "a plausible flight",
        "next town",
        "overnight flight",
        "one network, two opinions of where it is",
        "networks not known",
        "no city-level position now",
        "no city-level position before",
        "within the accuracy radius",
        "an event without a position between",
        "a logout says nothing",
        "a refused thief is somewhere all the same",
        "there and back",
        "a late event is judged, and turns nothing back",
    ],
)
def test_a_journey_is_judged(stops: tuple[tuple[float, tuple[int, int], dict[str, Any]], ...], rows: list[int]) -> None:
    """Flagged exactly where nobody can have travelled so fast."""
    assert flagged(journey(*stops)) == rows


def test_travel_alone_quarantines_and_is_explained() -> None:
    """One signal alone asks for a fresh login, and shows the distance and the speed."""
    verdicts = Engine(DetectorConfig()).process(journey((0, BERLIN, {}), (30, TOKYO, {})), START)

    measured = dict(zip(MEASUREMENTS, verdicts.measurements[0].tolist(), strict=True))
    assert verdicts.level.tolist() == [Level.QUARANTINE]
    assert 8_850 <= measured["travel_km"] <= 8_950
    assert measured["travel_kmh"] == pytest.approx(2 * measured["travel_km"], rel=1e-3)


def test_travel_is_the_subjects_own() -> None:
    """Two people far apart are no journey."""
    batch = journey((0, BERLIN, {}), (5, TOKYO, {"subject": 6}), (6, BERLIN, {}))

    assert flagged(batch) == []
    assert np.unique(batch.subject).tolist() == [5, 6]
