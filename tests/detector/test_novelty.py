"""What is new to a subject, and what changes inside a family."""

from typing import Any

import pytest

from detector.batch import Fault, Kind, Outcome, RefreshBatch
from detector.config import DetectorConfig, Thresholds
from detector.engine import Engine
from detector.verdict import CHANNELS

START = 1_770_000_000_000
PHONE, LAPTOP, TABLET = 1 << 50, 2 << 50, 3 << 50
USUAL = {"family": 9, "subject": 8, "device": PHONE, "agent": PHONE, "asn": 64500, "country": 17477, "accuracy": -1}
LISTENING = DetectorConfig(thresholds=Thresholds(watch=1e-7))
"""Every event of which any signal says something is told."""


def grades(*events: dict[str, Any]) -> list[int]:
    """The grade of novelty of each event, a minute apart."""
    rows = [{"at": START + n * 60_000, "event": n + 1} | USUAL | event for n, event in enumerate(events)]
    names = {name for row in rows for name in row}
    batch = RefreshBatch.of(**{name: [row.get(name, 0) for row in rows] for name in names})
    verdicts = Engine(LISTENING).process(batch, START)
    told = dict(zip(verdicts.row.tolist(), verdicts.grades[:, CHANNELS.index("novelty")].tolist(), strict=True))
    return [told.get(row, 0) for row in range(len(batch))]


@pytest.mark.parametrize(
    ("event", "grade"),
    [
        ({}, 0),
        ({"device": LAPTOP}, 6),
        ({"device": LAPTOP, "agent": LAPTOP, "asn": 1, "country": 2}, 24),
        ({"device": 0, "agent": 0, "asn": 0, "country": 0}, 0),
        ({"family": 10, "asn": 1}, 1),
        ({"subject": 7, "asn": 1}, 5),
        ({"asn": 1, "kind": Kind.LOGOUT}, 0),
        ({"asn": 1, "outcome": Outcome.REFUSED}, 6),
        ({"asn": 1, "event": 1}, 0),
    ],
    ids=[
        "nothing",
        "a device",
        "all four",
        "nothing is known",
        "another session of the same person",
        "the session of another person",
        "a logout",
        "a refused refresh",
        "a record delivered again",
    ],
)
def test_what_is_new_counts(event: dict[str, Any], grade: int) -> None:
    """One for each trait new to the subject, five for each that changed in the family; never for the first event."""
    assert grades({}, event) == [0, grade]


def test_known_places_are_no_novelty() -> None:
    """To and fro between two devices is new once; in the family the two before are remembered."""
    to_and_fro = [{"device": device} for device in (PHONE, LAPTOP, PHONE, LAPTOP, TABLET, PHONE)]

    assert grades(*to_and_fro) == [0, 6, 0, 0, 6, 5]


def test_what_a_theft_shows_is_not_learnt() -> None:
    """A device that comes with a replayed grandparent is as new the next time."""
    thief = {"device": LAPTOP, "outcome": Outcome.REFUSED}

    assert grades({}, thief | {"token": 5, "fault": Fault.STALE}, thief) == [0, 6, 6]
