"""Fitting: what comes with thefts weighs, more the surer it is; bounds hold; scores can be believed."""

from dataclasses import replace

import numpy as np
import pytest

from detector.bounds import BOUNDS, bounded, strongest, weakest
from detector.config import Thresholds
from detector.fitting import EDGES, PRIORS, Labelled, binned, fit, shown
from detector.odds import MOST_WEIGHT, Ladder, Odds
from detector.reliability import judge
from detector.verdict import CHANNELS, Level
from detector.weights import ODDS

THRESHOLDS = Thresholds()
SHARE = 1e-3
Shares = dict[str, dict[int, tuple[float, float]]]
"""Channel -> grade -> share of stolen and of honest sessions that show it."""

SIGNS: Shares = {
    "reuse": {1: (0.01, 0.05), 4: (0.2, 0.002), 5: (0.5, 0.0)},
    "travel": {2: (0.4, 0.003), 3: (0.2, 0.0)},
    "cadence": {5: (0.3, 0.05), 60: (0.25, 0.001)},
    "novelty": {1: (0.2, 0.2), 10: (0.5, 0.02)},
}


def labelled(signs: Shares, honest: int = 20_000, stolen: int = 800, seed: int = 1) -> Labelled:
    """Sessions that show each sign by chance, independently of one another."""
    rng = np.random.default_rng(seed)
    count = honest + stolen
    session = rng.integers(1, 2**63, count).astype(np.uint64)
    is_stolen = np.arange(count) < stolen
    grades = np.zeros((count, len(CHANNELS)), np.int64)
    for channel, by_grade in signs.items():
        for grade, (of_stolen, of_honest) in by_grade.items():
            shows = rng.random(count) < np.where(is_stolen, of_stolen, of_honest)
            grades[shows, CHANNELS.index(channel)] = grade
    return Labelled.of(shown(session, is_stolen, np.arange(count), grades))


def alone(odds: Odds, channel: str, grade: int) -> Level:
    """What one grade of one channel comes to."""
    grades = np.zeros((1, len(CHANNELS)), np.int64)
    grades[0, CHANNELS.index(channel)] = grade
    score = odds.score(odds.weigh(grades))[0]
    return (
        Level.REVOKE
        if score >= THRESHOLDS.revoke
        else Level.QUARANTINE
        if score >= THRESHOLDS.quarantine
        else Level.WATCH
    )


@pytest.fixture(scope="module")
def fitted() -> Odds:
    """A table for SIGNS."""
    return fit(labelled(SIGNS), ODDS, thresholds=THRESHOLDS, share=SHARE, source="a test")


def test_weights_are_what_the_signs_tell() -> None:
    """A sign that four of ten stolen and three of a thousand honest sessions show weighs some ln(0.4 / 0.003) nats."""
    lone = fit(labelled({"travel": SIGNS["travel"]}), ODDS, thresholds=THRESHOLDS, share=SHARE, source="")

    weight = lone.ladders["travel"].of(np.array([2]))[0]

    assert abs(weight / 1000 - np.log(0.4 / 0.003)) < 0.5


def test_what_honest_sessions_show_as_often_weighs_nothing(fitted: Odds) -> None:
    """A lost answer and a new device alone are no evidence."""
    assert 0 == fitted.ladders["reuse"].of(np.array([3]))[0]
    assert 0 == fitted.ladders["novelty"].of(np.array([3]))[0]


def test_scores_can_be_believed(fitted: Odds) -> None:
    """On the quarter that was not looked at, and on other sessions too, the score is the rate of theft."""
    known = judge(fitted, labelled(SIGNS).quarter(3), SHARE)
    others = judge(fitted, labelled(SIGNS, seed=2), SHARE)

    assert known.expected_calibration_error < 0.01
    assert others.expected_calibration_error < 0.01
    assert [bin_.begins for bin_ in others.bins] == sorted({bin_.begins for bin_ in others.bins})
    assert sum(bin_.stolen for bin_ in others.bins) > 500


def test_every_ladder_rises(fitted: Odds) -> None:
    """No grade weighs less than a smaller one, in whole steps of the score's table."""
    for channel in CHANNELS:
        weights = fitted.ladders[channel].of(np.arange(1_200))
        assert bool((np.diff(weights) >= 0).all())
        assert 0 == (weights % 10).max()


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: f"{bound.channel}-{bound.grade}")
@pytest.mark.parametrize("seed", range(3))
def test_bounds_hold_whatever_was_shown(bound: tuple[str, int, Level, Level, str], seed: int) -> None:
    """However wild the telemetry: no channel alone comes further than it may, and a theft by reuse is always one."""
    channel, grade, least, most, _ = bound
    rng = np.random.default_rng(seed)
    signs: Shares = {
        channel: {int(edge): (rng.random(), rng.random() * 1e-4) for edge in rng.choice(EDGES[channel], 3)}
        for channel in CHANNELS
    }
    wild = fit(labelled(signs, honest=4_000), ODDS, thresholds=THRESHOLDS, share=0.2, source="wild")

    assert least <= alone(wild, channel, grade) <= most


def test_a_channel_that_nobody_shows_keeps_its_ladder(fitted: Odds) -> None:
    """Without any evidence about the model, what was believed before stays, within its bound."""
    assert bounded(Odds(fitted.prior, {"model": ODDS.ladders["model"]}), THRESHOLDS).ladders["model"].edges == (
        fitted.ladders["model"].edges
    )


def test_a_channel_without_any_ladder_weighs_nothing() -> None:
    """Neither evidence nor an older table: no weight."""
    bare = fit(labelled(SIGNS), Odds(-9_000, {}), thresholds=THRESHOLDS, share=SHARE, source="")

    assert Ladder((), ()) == bare.ladders["model"]


def test_fitting_is_repeatable(fitted: Odds) -> None:
    """The same sessions in another order give the same table."""
    sessions = labelled(SIGNS)
    order = np.random.default_rng(1).permutation(len(sessions.session))
    shuffled = Labelled(sessions.session[order], sessions.stolen[order], sessions.grades[order], sessions.weight[order])

    again = fit(shuffled, ODDS, thresholds=THRESHOLDS, share=SHARE, source="another sentence")

    assert fitted.version == again.version


def test_the_judging_quarter_is_not_looked_at(fitted: Odds) -> None:
    """Labels of the fourth quarter turned around change nothing."""
    sessions = labelled(SIGNS)
    fourth = sessions.session % np.uint64(4) == 3
    lied = replace(sessions, stolen=np.where(fourth & sessions.grades.any(axis=1), ~sessions.stolen, sessions.stolen))

    assert fitted.version == fit(lied, ODDS, thresholds=THRESHOLDS, share=SHARE, source="").version


def test_a_heavier_judgement_counts_more(fitted: Odds) -> None:
    """False alarms that people reported, weighed as many sessions, take weight off the sign."""
    session = np.arange(4, 84, 4, dtype=np.uint64)
    grades = np.zeros((len(session), len(CHANNELS)), np.int64)
    grades[:, CHANNELS.index("travel")] = 2
    honest = Labelled.of(shown(session, np.zeros(len(session), bool), np.arange(len(session)), grades))
    reported = replace(honest, weight=honest.weight * 50)

    corrected = fit(labelled(SIGNS).joined(reported), ODDS, thresholds=THRESHOLDS, share=SHARE, source="")

    assert corrected.ladders["travel"].of(np.array([2]))[0] < fitted.ladders["travel"].of(np.array([2]))[0] - 1_000


def test_the_prior_is_the_stated_share(fitted: Odds) -> None:
    """With a share of a thousandth stolen, a session without any sign is less suspect than that."""
    assert PRIORS[0] <= fitted.prior <= round(1000 * np.log(SHARE))


@pytest.mark.parametrize(("honest", "stolen"), [(40, 800), (20_000, 10)])
def test_too_few_sessions_are_refused(honest: int, stolen: int) -> None:
    """A fit on an anecdote is refused, and the sentence says what there is."""
    with pytest.raises(ValueError, match=f"{stolen} stolen and {honest} honest"):
        fit(labelled(SIGNS, honest, stolen), ODDS, thresholds=THRESHOLDS, share=SHARE, source="")


def test_a_session_counts_once_for_each_combination() -> None:
    """150 equal events of one session are one row, and its beginning another; a theft makes it another session."""
    session = np.full(301, 7, np.uint64)
    stolen = np.arange(301) >= 150
    grades = np.zeros((300, len(CHANNELS)), np.int64)
    grades[:, CHANNELS.index("cadence")] = 21

    sessions = Labelled.of(shown(session, stolen, np.arange(1, 301), grades))

    assert [0, 20, 0, 20] == sessions.grades[:, CHANNELS.index("cadence")].tolist()
    assert (1, 1) == (sessions.sessions(stolen=True), sessions.sessions(stolen=False))


def test_grades_fall_into_bins() -> None:
    """A grade is replaced by the first of its bin."""
    grades = np.zeros((4, len(CHANNELS)), np.int64)
    grades[:, CHANNELS.index("spread")] = [0, 6, 99, 5_000]
    grades[:, CHANNELS.index("model")] = [399, 400, 424, 999]

    first = binned(grades)

    assert [0, 5, 70, 1_000] == first[:, CHANNELS.index("spread")].tolist()
    assert [0, 400, 400, 975] == first[:, CHANNELS.index("model")].tolist()


@pytest.mark.parametrize("thresholds", [Thresholds(), Thresholds(quarantine=0.9, revoke=0.99)])
def test_limits_of_weights_are_exact(thresholds: Thresholds) -> None:
    """The weakest weight that reaches a level is one step above the strongest that does not."""
    odds = Odds(-9_213, {})

    assert weakest(odds, thresholds, Level.QUARANTINE) == strongest(odds, thresholds, Level.WATCH) + 10
    assert weakest(odds, thresholds, Level.REVOKE) == strongest(odds, thresholds, Level.QUARANTINE) + 10
    assert (0, MOST_WEIGHT + 9_213) == (
        weakest(odds, thresholds, Level.WATCH),
        strongest(odds, thresholds, Level.REVOKE),
    )
