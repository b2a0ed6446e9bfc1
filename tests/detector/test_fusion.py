"""Fusion: what weighs, what is named, what is told."""

from typing import Any

import numpy as np
import pytest

from detector.config import Thresholds
from detector.fusion import Evidence, Scale, fuse, level_of
from detector.model import Forest
from detector.signals.triage import Finding
from detector.verdict import CHANNELS, MEASUREMENTS, Level, Reason, Segment, Verdicts, slugs
from detector.weights import ODDS


def fused(thresholds: Thresholds | None = None, model: Forest | None = None, **evidence: Any) -> Verdicts:
    """The verdicts on one event with these grades; `held`, `incident` and `revived` are given as values."""
    extra = {name: np.array([evidence.pop(name)]) for name in ("held", "incident", "revived") if name in evidence}
    grades = {channel: np.array([grade], np.int64) for channel, grade in evidence.items()}
    told = Evidence(n=1, grades=grades, measured={"travel_km": (np.array([900]), 2)}, **extra)
    return fuse(told, Scale(ODDS), thresholds or Thresholds(), model)


def named(verdicts: Verdicts) -> list[str]:
    """The reasons of the only verdict."""
    return slugs(int(verdicts.reasons[0]))


@pytest.mark.parametrize(
    ("grades", "reasons"),
    [
        ({"reuse": Finding.THEFT_SUSPECTED}, ["reuse.theft_suspected"]),
        ({"reuse": Finding.BENIGN_RETRY}, ["reuse.benign_retry"]),
        ({"travel": 2}, ["travel.impossible"]),
        ({"travel": 3}, ["travel.impossible", "travel.return"]),
        ({"cadence": 50}, ["cadence.burst"]),
        ({"failure": 50}, ["failure.refused"]),
        ({"spread": 50}, ["spread.strangers"]),
        ({"novelty": 10}, ["novelty.family"]),
        ({"novelty": 12}, ["novelty.subject", "novelty.family"]),
        ({"cadence": 50, "failure": 20}, ["cadence.burst", "failure.refused"]),
    ],
    ids=str,
)
def test_what_weighs_is_named(grades: dict[str, Any], reasons: list[str]) -> None:
    """Each channel has its names, by grade; findings are named even where they weigh nothing."""
    assert named(fused(**grades)) == reasons


@pytest.mark.parametrize("grades", [{}, {"novelty": 1}, {"cadence": 19}, {"travel": 0}], ids=str)
def test_what_scores_too_little_is_not_told(grades: dict[str, Any]) -> None:
    """Below the threshold of watching nothing is said, unless it has a name of its own."""
    assert len(fused(**grades)) == 0


@pytest.mark.parametrize(
    ("held", "channel", "weightless"),
    [
        (Reason.SYSTEMIC_REUSE, "reuse", True),
        (Reason.SYSTEMIC_TRAVEL, "travel", True),
        (Reason.SYSTEMIC_VOLUME, "cadence", True),
        (Reason.SYSTEMIC_VOLUME, "failure", True),
        (Reason.SYSTEMIC_VOLUME, "spread", True),
        (Reason.SYSTEMIC_VOLUME, "reuse", False),
        (Reason.SYSTEMIC_REUSE, "travel", False),
        (Reason.SYSTEMIC_REUSE, "novelty", False),
    ],
)
def test_held_evidence_weighs_nothing(held: Reason, channel: str, *, weightless: bool) -> None:
    """It is told with its cause and its grade, and adds nothing; what is not held weighs as ever."""
    verdicts = fused(**dict[str, Any]({channel: 50 if channel != "reuse" else 5}), held=np.uint64(held))

    place = CHANNELS.index(channel)
    assert (verdicts.weights[0, place] == 0) == weightless
    assert verdicts.grades[0, place] > 0
    assert held & int(verdicts.reasons[0]) == held


def test_the_weaker_sign_speaks_where_the_stronger_is_held() -> None:
    """A finding that is held leaves the journey's weight as it is."""
    alone = fused(travel=2)
    both = fused(travel=2, reuse=Finding.THEFT_CONFIRMED, held=np.uint64(Reason.SYSTEMIC_REUSE))

    assert both.score.tolist() == alone.score.tolist()


def test_effectiveness_scores_one() -> None:
    """A family that had ended was refreshed: always told, always the highest."""
    verdicts = fused(revived=True)

    assert (named(verdicts), verdicts.score.tolist(), verdicts.level.tolist()) == (
        ["effectiveness.refreshed"],
        [1.0],
        [Level.REVOKE],
    )


def test_an_incident_is_told_whatever_the_score() -> None:
    """The event with which a holding begins is a verdict though no signal is awake."""
    verdicts = fused(incident=np.uint8(Segment.CLIENT))

    assert [Segment(segment).slug for segment in verdicts.incident] == ["client"]


@pytest.mark.parametrize(
    ("score", "level"),
    [
        (0.0, Level.WATCH),
        (0.499, Level.WATCH),
        (0.5, Level.QUARANTINE),
        (0.949, Level.QUARANTINE),
        (0.95, Level.REVOKE),
    ],
)
def test_levels_begin_at_their_thresholds(score: float, level: Level) -> None:
    """From the threshold on, and at least watched."""
    assert level_of(np.array([score]), Thresholds()).tolist() == [level]


def test_measurements_are_divided_by_their_unit() -> None:
    """Whole numbers become what people are shown; what was not measured is 0."""
    verdicts = fused(travel=2)

    measured = dict(zip(MEASUREMENTS, verdicts.measurements[0].tolist(), strict=True))
    assert {name: value for name, value in measured.items() if value} == {"travel_km": 450.0}


def stump() -> Forest:
    """One question: more than 100 km is unusual, less is not."""
    return Forest(
        features=("travel_km",),
        feature=np.zeros(3, np.int32),
        threshold=np.array([np.log1p(100), 0.0, 0.0]),
        left=np.array([1, 1, 2], np.int32),
        right=np.array([2, 1, 2], np.int32),
        path=np.array([0, 4 << 20, 1 << 20], np.int64),
        root=np.array([0], np.int32),
        usual=2 << 20,
    )


def test_the_models_grade_is_the_forests() -> None:
    """Thousandths of the forest's score, from the measurements of the event; also a measurement."""
    model = stump()
    verdicts = fused(Thresholds(watch=1e-7), model, travel=2)

    grade = verdicts.grades[0, CHANNELS.index("model")]
    assert grade == model.grade(verdicts.measurements)[0] > 700
    assert verdicts.measurements[0, MEASUREMENTS.index("model_score")] == pytest.approx(grade / 1000)
    assert "model.unusual" in named(verdicts)


def test_the_model_is_asked_only_where_a_signal_is_awake() -> None:
    """A row of which nothing is said is no verdict, however unusual."""
    assert len(fused(Thresholds(watch=1e-7), stump())) == 0
