"""Impossible travel, one pair of events at a time."""

from typing import Any

import numpy as np
import pytest

from detector.batch import Kind, Outcome, RefreshBatch
from detector.config import DetectorConfig, Thresholds, TravelConfig
from detector.engine import Engine
from detector.verdict import CHANNELS, MEASUREMENTS, Level, slugs

START = 1_770_000_000_000
MINUTE = 60_000
NETWORK = 1 << 32
BERLIN, POTSDAM, PARIS, TOKYO = (5252, 1340), (5240, 1306), (4886, 235), (3568, 13969)


def journey(*stops: tuple[float, tuple[int, int], dict[str, Any]]) -> RefreshBatch:
    """One subject, at (minute, place), each stop on a network of its own unless it says otherwise."""
    rows = [
        {
            "at": START + round(minute * MINUTE),
            "lat": lat,
            "lon": lon,
            "subject": 5,
            "network": (10 + n) << 32,
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
    assert all("travel.impossible" in slugs(int(bits)) for bits in verdicts.reasons)
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
        (((0, BERLIN, {"network": NETWORK}), (5, TOKYO, {"network": NETWORK})), []),
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


DAY = 24 * 60


def grades(batch: RefreshBatch, config: TravelConfig | None = None) -> list[int]:
    """The grade of travel of each event."""
    listening = Thresholds(watch=1e-9)  # what alone is worth no notice is measured all the same
    verdicts = Engine(DetectorConfig(travel=config or TravelConfig(), thresholds=listening)).process(batch, START)
    told = dict(zip(verdicts.row.tolist(), verdicts.grades[:, CHANNELS.index("travel")].tolist(), strict=True))
    return [told.get(row, 0) for row in range(len(batch))]


@pytest.mark.parametrize(
    ("back", "minute", "grade"),
    [(BERLIN, 60, 3), (POTSDAM, 60, 3), (PARIS, 60, 2), (BERLIN, 61, 2)],
    ids=["there and back", "back next door", "on to elsewhere", "back later than within the hour"],
)
def test_there_and_back_within_the_hour_is_stronger(back: tuple[int, int], minute: int, grade: int) -> None:
    """A-B-A is graded above A-B: somebody never left."""
    assert grades(journey((0, BERLIN, {}), (30, TOKYO, {}), (minute, back, {}))) == [0, 2, grade]


def test_a_return_to_the_same_network_is_one_wherever_that_is_said_to_be() -> None:
    """The database moved the home network meanwhile: it is the place before all the same."""
    home = {"network": NETWORK}

    assert grades(journey((0, BERLIN, home), (9, TOKYO, {}), (18, PARIS, home))) == [0, 2, 3]


@pytest.mark.parametrize("end", [0, 1])
def test_an_address_that_says_little_weakens_it(end: int) -> None:
    """A VPN at either end makes an impossible journey a vague one."""
    stops = [(0, BERLIN, {"asn": 7 * (end == 0)}), (5, TOKYO, {"asn": 7 * (end == 1)})]

    assert grades(journey(*stops), TravelConfig(vague_asns=frozenset({7}))) == [0, 1]


@pytest.mark.parametrize(("days", "grade"), [(2, 0), (1, 2)])
@pytest.mark.parametrize("outcome", [Outcome.SUCCESS, Outcome.REFUSED])
def test_both_ends_familiar_is_no_alert(days: int, grade: int, outcome: Outcome) -> None:
    """Who was seen at both ends on two days before, and was let in there, may be there within minutes."""
    home, away = {"network": NETWORK, "outcome": outcome}, {"network": 2 << 32, "outcome": outcome}
    stops = []
    for day in range(days):
        stops += [(day * DAY, BERLIN, home), (day * DAY + 13 * 60, TOKYO, away)]
    stops += [(days * DAY + 60, BERLIN, home), (days * DAY + 65, TOKYO, away)]

    expected = grade if outcome is Outcome.SUCCESS else 2
    assert grades(journey(*stops), TravelConfig(horizon_ms=3 * 3_600_000)) == [0] * (len(stops) - 1) + [expected]


def test_a_flagged_network_is_not_learnt() -> None:
    """A thief who comes every day never becomes familiar."""
    home, away = {"network": NETWORK}, {"network": 2 << 32}
    both = [(day * DAY + more, *stop) for day in range(3) for more, stop in ((0, (BERLIN, home)), (5, (TOKYO, away)))]

    assert grades(journey(*both), TravelConfig(horizon_ms=3_600_000)) == [0, 2] * 3
