"""Refusals: of a family, and of strangers at an origin."""

from dataclasses import replace
from typing import Final

import numpy as np
import pytest

from detector.batch import Fault, Kind, Outcome
from detector.config import FailureConfig, Quiet
from detector.tallies import Tallies
from detector.verdict import MEASUREMENTS
from tests.detector.sessions import HOUR, LISTENING, START, Row, grades, judged, key
from tests.detector.tellings import origin_grades

STRONG: Final = 50
"""Nats from which failure alone quarantines in the shipped table."""


def refusals(
    n: int, fault: Fault = Fault.INVALID_GRANT, *, begins: int = 0, every: int = 500, **columns: int
) -> list[Row]:
    """A family's refreshes, refused one after another."""
    columns = {"outcome": Outcome.REFUSED, "fault": fault, "family": key("family", 1)} | columns
    return [{"at": begins + number * every} | columns for number in range(n)]


def test_a_family_that_is_refused_again_and_again_surprises() -> None:
    """A hundred refusals within a minute: twenty are below the floor, the last are strong evidence."""
    said = grades("failure", refusals(100))

    assert (said[:20], said[-1] >= STRONG) == ([0] * 20, True)


@pytest.mark.parametrize(
    "columns",
    [
        {"fault": Fault.ENDED},
        {"fault": Fault.EXPIRED},
        {"outcome": Outcome.SUCCESS},
        {"kind": Kind.LOGIN},
        {"family": 0},
    ],
    ids=["ended", "expired", "not refused", "a login", "no family"],
)
def test_everyday_refusals_do_not_count(columns: Row) -> None:
    """Sessions end and expire, and passwords are mistyped: a hundred of these are nothing here."""
    assert max(grades("failure", refusals(100, **columns))) == 0


def test_a_record_delivered_again_is_no_second_refusal() -> None:
    """The same event a hundred times counts once."""
    assert max(grades("failure", refusals(100, event=7))) == 0


@pytest.mark.parametrize(
    ("quiet", "heard"),
    [
        (Quiet(issuer=3, begins=START, ends=START + HOUR), False),
        (Quiet(issuer=4, begins=START, ends=START + HOUR), True),
        (Quiet(issuer=3, begins=START - HOUR, ends=START), True),
        (Quiet(issuer=3, begins=START + HOUR, ends=START + 2 * HOUR), True),
    ],
    ids=["within", "of another issuer", "over", "not yet"],
)
def test_an_announced_rollover_explains_refusals(quiet: Quiet, *, heard: bool) -> None:
    """Within the announced time, and of the announced issuer, refusals are not counted."""
    config = replace(LISTENING, failure=FailureConfig(rollovers=(quiet,)))

    assert (max(grades("failure", refusals(100, issuer=3), config)) > 0) == heard


def test_what_surprises_is_not_learnt() -> None:
    """The same flood of refusals, hour after hour, surprises as much after a day as in its third hour."""
    flood = [row for hour in range(24) for row in refusals(100, begins=hour * HOUR)]

    said = grades("failure", flood)

    assert [max(said[hour * 100 :][:100]) for hour in range(2, 24)] == [max(said[200:300])] * 22


def test_an_outage_that_comes_every_hour_is_learnt() -> None:
    """A client that is refused forty times an hour has a record of its own after two."""
    outage = [row for hour in range(4) for row in refusals(40, begins=hour * HOUR)]

    said = grades("failure", outage)

    assert (max(said[:40]) > 0, max(said[-40:])) == (True, 0)


def test_refusals_are_counted_and_told() -> None:
    """The level is of refusals, with a half-life of five minutes."""
    verdicts = judged(refusals(100, every=1))

    assert verdicts.measurements[-1, MEASUREMENTS.index("failure_count")] == pytest.approx(100, rel=0.01)


def strangers(
    n: int, *, refused: int = 1, fault: Fault = Fault.INVALID_GRANT, every: int = 500, **more: int
) -> Tallies:
    """Families that an address never met, one after another."""
    told = {"origin": 9, "contact": 1, "stranger": 1, "refused": refused, "fault": fault} | more
    return Tallies.of(at=[START + number * every for number in range(n)], **{k: [v] * n for k, v in told.items()})


def stuffed(*parts: Tallies) -> list[int]:
    """The grade of failure of each tally."""
    return origin_grades("failure", Tallies.concat(parts))


def test_a_hundred_foreign_tokens_are_stuffing() -> None:
    """A foreign token weighs four: ten are below the floor, a hundred are strong evidence."""
    said = stuffed(strangers(100))

    assert (said[:10], said[-1] >= STRONG) == ([0] * 10, True)


def test_ended_sessions_weigh_less_than_foreign_tokens() -> None:
    """Phones wake up in other networks: forty refusals of ended sessions are below the floor."""
    assert [max(stuffed(strangers(40, fault=fault))) > 0 for fault in (Fault.ENDED, Fault.INVALID_GRANT)] == [
        False,
        True,
    ]


@pytest.mark.parametrize("column", ["refused", "contact", "held"])
def test_only_refusals_of_contacts_count(column: str) -> None:
    """Honest strangers, families that know the address and a population's own failure are no stuffing."""
    others = replace(strangers(200), **{column: np.full(200, column == "held")})

    assert max(stuffed(others)) == 0


def test_slow_stuffing_is_found_too() -> None:
    """A foreign token every ten minutes never is fast, and strong evidence within the day."""
    said = stuffed(strangers(144, every=600_000))

    assert (max(said[:10]), said[-1] >= STRONG) == (0, True)


@pytest.mark.parametrize(("honest", "heard"), [(6, True), (9, False)])
def test_a_share_of_the_contacts_must_be_refused(honest: int, *, heard: bool) -> None:
    """A carrier's address with a refused stranger in ten is a carrier; with one in seven it is more than that."""
    crowd = [part for _ in range(100) for part in (strangers(honest, refused=0), strangers(1))]

    assert (max(stuffed(*crowd)) > 0) == heard


def test_stuffing_is_never_learnt() -> None:
    """The same flood every hour for thirty hours surprises as much at its end as in its third hour."""
    flood = strangers(100)
    hours = [replace(flood, at=flood.at + hour * HOUR) for hour in range(30)]

    said = stuffed(*hours)

    peaks = [max(said[hour * 100 :][:100]) for hour in range(30)]
    assert peaks[2] >= STRONG
    assert min(peaks[2:]) >= peaks[2]
