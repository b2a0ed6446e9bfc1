"""Strangers: who met whom, and when that is too many at once."""

from dataclasses import replace

import pytest

from detector.batch import Kind
from detector.config import SpreadConfig
from detector.engine import Engine
from detector.runs import Runs
from detector.signals import spread
from detector.table import Keyed, Table
from detector.tallies import OriginKind, Tallies
from detector.verdict import CHANNELS, MEASUREMENTS
from tests.detector.sessions import DAY, HOUR, LISTENING, START, Row, batch_of, grades, key
from tests.detector.tellings import origin_grades

MINUTE = 60_000


def use(at: int, family: int = 1, origin: int = 1, **columns: int) -> Row:
    """A family's token is used at an address."""
    return {"at": at, "family": key("family", family), "origin": key("origin", origin)} | columns


def met(rows: list[Row]) -> list[str]:
    """What each event's pair is: `contact`, and `!` for strangers; an event with an id was delivered before."""
    batch = batch_of(rows)
    pairs = Keyed.look_up(Table(100, spread.PAIR_SCHEMA), Runs(spread.pair_keys(batch)), batch.at)
    found = spread.meet(pairs, len(batch), batch.event == 0)
    both = zip(found.contact.tolist(), found.stranger.tolist(), strict=True)
    return ["contact" * contact + "!" * stranger for contact, stranger in both]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (use(59 * MINUTE), "!"),
        (use(60 * MINUTE), ""),
        (use(61 * MINUTE), "contact"),
        (use(DAY), "contact"),
        (use(DAY + 1000), "contact!"),
        (use(0, origin=2), "contact!"),
        (use(0, family=2), "contact!"),
        (use(0, event=7), ""),
        (use(0, kind=Kind.LOGOUT), ""),
    ],
    ids=["within the hour", "an hour", "more", "a day", "a day of silence", "elsewhere", "else", "again", "logout"],
)
def test_who_met_whom(second: Row, said: str) -> None:
    """A contact did not meet within the hour, a stranger met for the first time (or after a day) within the hour."""
    assert met([use(0), second]) == ["contact!", said]


def test_a_pair_is_known_after_an_hour_whatever_it_did() -> None:
    """A busy first hour ends after an hour: no stranger any more, and no contact as long as it goes on."""
    assert met([use(minute * MINUTE) for minute in range(0, 90, 15)]) == ["contact!", "!", "!", "!", "", ""]


def test_a_late_event_is_of_the_latest_time() -> None:
    """Time never runs back: an event from before is taken for one of now."""
    assert met([use(2 * HOUR), use(0)]) == ["contact!", "!"]


def test_a_token_without_a_family_has_pairs_of_its_own() -> None:
    """Where no family is named, the token presented stands for it."""
    rows = [use(0, family=0, token=5), use(0, family=0, token=6), use(0, family=0)]

    assert met(rows) == ["contact!", "contact!", ""]


def test_a_family_in_many_places_surprises() -> None:
    """Thirty addresses within seconds: the first seventeen are below the floor, the last are watched."""
    said = grades("spread", [use(n * 100, origin=n + 1) for n in range(40)])

    assert (said[:17], said[-1] >= 20, said == sorted(said)) == ([0] * 17, True, True)


def test_bystanders_of_an_attacked_family_are_not_punished() -> None:
    """The person whose family is attacked comes from an address that it knows for long: nothing is said of that."""
    usual = [use(-HOUR * hour) for hour in (3, 2)] + [use(-HOUR * 2 + minute * MINUTE) for minute in range(0, 120, 30)]
    attack = [use(n * 100, origin=n + 2) for n in range(60)]

    said = grades("spread", [*usual, *attack, use(7000)])

    assert (said[-2] > 50, said[-1]) == (True, 0)


def test_an_hour_that_surprised_teaches_nothing() -> None:
    """The same flood of strangers, hour after hour for a day, surprises as much at its end as in its third hour."""
    flood = [use(hour * HOUR + n * 100, origin=hour * 60 + n + 1) for hour in range(24) for n in range(60)]

    said = grades("spread", flood)

    peaks = [max(said[hour * 60 : hour * 60 + 60]) for hour in range(24)]
    assert peaks[2] > 50
    assert peaks[2:] == [peaks[2]] * 22


def test_an_honest_hour_is_learnt() -> None:
    """Twenty-five addresses an hour, for two days, are what this family does: a carrier's gateway."""
    hops = [use(hour * HOUR + n * 100, origin=hour * 25 + n + 1) for hour in range(48) for n in range(25)]

    said = grades("spread", hops)

    assert (max(said[:25]) > 0, max(said[-25:])) == (True, 0)


def reached(rows: list[Tallies]) -> list[int]:
    """The grade of spread of each tally."""
    return origin_grades("spread", Tallies.concat(rows))


def told(at: int, *, stranger: bool = True, level: int = 1, kind: OriginKind = OriginKind.ADDRESS) -> Tallies:
    """One tally of one address."""
    return Tallies.of(
        at=[START + at], kind=[kind], origin=[9], contact=[stranger], stranger=[stranger], level=[level << 12]
    )


def test_an_origin_that_reaches_for_many_families_surprises() -> None:
    """Fifty families met for the first time within seconds, at an address that never did that."""
    said = reached([told(n * 100) for n in range(50)])

    assert (said[7], said[-1] > 50) == (0, True)


def test_a_busy_pair_surprises_against_all_pairs_of_its_origin() -> None:
    """Two hundred events of one pair, where no pair of the address ever was busy; strangers or not."""
    assert reached([told(0, stranger=False, level=200)])[0] > 50


def test_an_origin_learns_what_its_pairs_do() -> None:
    """A proxy whose pairs are busy every hour has a record of its own after two."""
    said = reached([told(hour * HOUR, stranger=False, level=40) for hour in range(4)])

    assert (said[0] > 0, said[3]) == (True, 0)


def test_networks_and_programs_meet_strangers_all_day() -> None:
    """Only addresses are judged by how many strangers they reach for."""
    kinds = (OriginKind.NETWORK, OriginKind.KIN)

    assert [max(reached([told(n, kind=kind) for n in range(50)])) for kind in kinds] == [0, 0]


def test_floors_are_of_the_configuration() -> None:
    """With a higher floor the same strangers are nothing."""
    config = replace(LISTENING, spread=SpreadConfig(family_floor=1000))

    assert max(grades("spread", [use(n * 100, origin=n + 1) for n in range(40)], config)) == 0


def test_what_is_measured_is_told() -> None:
    """The level is of weighted events: a contact weighs twelve."""
    rows = [use(0, origin=n + 1) for n in range(30)]
    verdicts = Engine(LISTENING).process(batch_of(rows), START)

    assert verdicts.grades[-1, CHANNELS.index("spread")] > 0
    assert verdicts.measurements[-1, MEASUREMENTS.index("spread_count")] == pytest.approx(360, rel=0.01)
