"""Clients that refresh from servers: what makes one, what unmakes it, and what becomes of its people."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from detector.batch import Kind, Outcome, RefreshBatch
from detector.config import DetectorConfig, Thresholds, TravelConfig
from detector.engine import Engine
from detector.verdict import CHANNELS

HOUR = 3_600_000
START = 1_770_000_000_000 // HOUR * HOUR
BERLIN, TOKYO, OREGON = (5252, 1340), (3568, 13969), (4559, -12119)
BROWSER, BACKEND = 1, 2
SERVER, OTHER, HOME, ABROAD = (number << 32 for number in (1, 2, 3, 4))
ANN = 1
Row = dict[str, Any]


def event(hour: float, subject: int = ANN, client: int = BACKEND, network: int = SERVER, **columns: Any) -> Row:
    """One refresh; the backend stands in Oregon, people in Berlin, a thief in Tokyo."""
    lat, lon = {SERVER: OREGON, OTHER: OREGON, ABROAD: TOKYO}.get(network, BERLIN)
    return {
        "at": START + round(hour * HOUR),
        "subject": subject,
        "family": subject * 10 + client,
        "event": 0,
        "client": client,
        "network": network,
        "lat": lat,
        "lon": lon,
        "accuracy": 20,
        "kind": Kind.REFRESH,
        "outcome": Outcome.SUCCESS,
        **columns,
    }


def hour_of(hour: float, subjects: int = 20, networks: int = 1, **columns: Any) -> list[Row]:
    """The backend refreshes for so many subjects (Ann is not among them) from so many networks, evenly."""
    return [
        event(hour + n / 3600, subject=100 + n, network=(1 + n % networks) << 32) | {"lat": 0, "lon": 0} | columns
        for n in range(subjects)
    ]


def home(hour: float, **columns: Any) -> Row:
    """Ann's browser at home."""
    return event(hour, client=BROWSER, network=HOME, **columns)


def grades(*rows: Row | Iterable[Row]) -> list[int]:
    """The grade of travel of each of Ann's events."""
    flat = [row for some in rows for row in ([some] if isinstance(some, dict) else some)]
    batch = RefreshBatch.of(**{name: [row[name] for row in flat] for name in flat[0]})
    verdicts = Engine(DetectorConfig(thresholds=Thresholds(watch=1e-9))).process(batch, START)
    told = dict(zip(verdicts.row.tolist(), verdicts.grades[:, CHANNELS.index("travel")].tolist(), strict=True))
    return [told.get(number, 0) for number in np.flatnonzero(batch.subject == ANN).tolist()]


def test_where_a_learnt_server_stands_says_nothing() -> None:
    """Ann's backend and her browser take turns, a world apart: neither is flagged, in either direction."""
    turns = [home(1.1), event(1.2), home(1.3), event(1.4), home(1.5)]

    assert grades(hour_of(0), turns) == [0] * 5


def test_it_is_not_known_before_its_hour_is_closed() -> None:
    """Within the first hour the backend is somebody who moves impossibly; from the next on it is not."""
    assert grades(hour_of(0), home(0.5), event(0.6), home(0.7), home(2.0), event(2.1)) == [0, 2, 3, 0, 0]


def test_a_server_does_not_hide_a_journey() -> None:
    """Where the browser was before is remembered through the server's events."""
    assert grades(hour_of(0), home(1.1), event(1.2), event(1.3, client=BROWSER, network=ABROAD)) == [0, 0, 2]


@pytest.mark.parametrize(
    ("taught", "grade"),
    [
        (hour_of(0, subjects=20, networks=2), 0),
        (hour_of(0, subjects=80, networks=8), 0),
        (hour_of(0, subjects=19), 2),
        (hour_of(0, subjects=20, networks=3), 2),
        (hour_of(0, subjects=90, networks=9), 2),
        (hour_of(0, kind=Kind.LOGIN), 2),
        (hour_of(0, outcome=Outcome.REFUSED), 2),
        (hour_of(0, client=0), 2),
        (hour_of(0, subject=100), 2),
        (hour_of(0, client=3) + hour_of(0.1), 2),
        (hour_of(0, subjects=10) + hour_of(1, subjects=10), 2),
        (hour_of(0, subjects=40, event=7, family=5), 2),
    ],
    ids=[
        "just enough",
        "as many networks as servers have",
        "too few subjects",
        "too many networks for so few",
        "more networks than servers have",
        "logins come from browsers",
        "refused refreshes are anybody's",
        "no client",
        "one account, however busy",
        "subjects who spoke for another application this hour",
        "two half hours are no whole one",
        "one event, delivered again and again",
    ],
)
def test_what_makes_a_client_of_servers(taught: list[Row], grade: int) -> None:
    """Twenty subjects' accepted refreshes in one hour, ten or more a network, from eight networks at most."""
    assert grades(taught, home(2.1), event(2.2)) == [0, grade]


def test_networks_that_are_not_known_teach_nothing() -> None:
    """Events without an address make no server, and come from none."""
    assert grades(hour_of(0, network=0), home(1.1), event(1.2)) == [0, 2]
    assert grades(hour_of(0), home(1.1), event(1.2, network=0, lat=TOKYO[0])) == [0, 1]


def test_elsewhere_with_a_servers_client_is_vague() -> None:
    """A sign-in at the backend's page, a new server, a thief: judged, at both ends, but it says little."""
    assert grades(hour_of(0), home(1.1), event(1.2, network=ABROAD), home(1.3)) == [0, 1, 1]


def test_a_thiefs_network_is_not_learnt() -> None:
    """It has one voice, and a server's has ten."""
    thief = event(0.5, subject=99, network=ABROAD)

    assert grades(hour_of(0), thief, home(1.1), event(1.2, network=ABROAD)) == [0, 1]


def test_servers_move() -> None:
    """The latest hour that shows servers names them; an hour that shows nothing leaves them."""
    moved = [row | {"network": OTHER} for row in hour_of(1)]
    quiet = [event(3.0, subject=100), event(4.0, subject=100)]

    assert grades(hour_of(0), moved, quiet, home(5.1), event(5.2, network=OTHER)) == [0, 0]
    assert grades(hour_of(0), moved, quiet, home(5.1), event(5.2, network=SERVER)) == [0, 1]


@pytest.mark.parametrize(("later", "grade"), [(23, 2), (24, 0)])
def test_an_hour_of_people_is_believed_for_a_day(later: int, grade: int) -> None:
    """Many networks unmake a client of servers, and a night's few do not make it one again."""
    people = hour_of(1, subjects=9, networks=9)

    assert grades(hour_of(0), people, hour_of(2), home(3.1), event(3.2)) == [0, 2]
    assert grades(people, hour_of(1 + later), home(2.1 + later), event(2.2 + later)) == [0, grade]


@pytest.mark.parametrize(
    ("member", "value", "sentence"),
    [
        ("server_share", 0, "server_share"),
        ("server_share", 21, "server_share"),
        ("server_networks", 0, "networks of servers"),
        ("server_networks", 9, "networks of servers"),
    ],
)
def test_the_configuration_is_checked(member: str, value: int, sentence: str) -> None:
    """Numbers that cannot be meant are refused in one sentence."""
    with pytest.raises(ValueError, match=sentence):
        replace(TravelConfig(), **{member: value})  # type: ignore[arg-type]
