"""Storms: what a whole population does at once for a reason that is no attack. Each may hide one real attack.

| storm | population | what happens |
|---|---|---|
| bad_release | a client's users | the new release refreshes every 2 s; rolled out in 10 minutes, fixed after 40 |
| outage | an issuer's users | 2 minutes of lost answers, 8 of silence, 5 in which every second refresh is refused |
| geoip_update | a provider's customers | for six hours they seem to be in a city more than 1,000 km away |
| key_rollover | an issuer's users | 6 minutes in which every refresh is refused, `invalid_grant` |

Clients retry with exponential back-off (`people.MOST_TRIES`). The attack that is hidden is a replayed grandparent, from
afar, late in the storm and in its population.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, Literal, NamedTuple, get_args

import msgspec

from ingest.formats.event import RefreshEvent
from tokenward.simulate.people import Act
from tokenward.simulate.provider import HOUR, MINUTE, Weather
from tokenward.simulate.thefts import Fits, Stage, plan
from tokenward.simulate.world import CITIES, HOME

Storm = Literal["bad_release", "outage", "geoip_update", "key_rollover"]
STORMS: Final[tuple[Storm, ...]] = get_args(Storm)

CLIENT: Final = "bank"
RELEASE: Final = "bank-app/8.0 (Android 16)"
ROLLOUT: Final = 0.2
"""Share of the client's users that the release reaches."""
MOVED_TO: Final = CITIES[8]
"""Lisbon is more than 1,000 km from every other city but Madrid."""
MOVED_ASN: Final = HOME.asns[1]


class StormLabel(msgspec.Struct):
    """Ground truth of one storm, epoch milliseconds: whoever shows signs within it is honest."""

    kind: Storm
    begins: int
    ends: int
    #: Which population: client, issuer or AS number.
    population: str
    #: Whether an attack hides in it; its own label stands among the thefts.
    attack: bool


Change = Callable[[Weather], None]


class Course(NamedTuple):
    """What changes in the weather, and how many milliseconds after the beginning; the last change ends the storm."""

    population: str
    struck: Fits
    changes: tuple[tuple[int, Change], ...]


def _courses(issuer: str) -> dict[Storm, Course]:
    return {
        "bad_release": Course(
            CLIENT,
            lambda person: person.application.client_id == CLIENT,
            (
                (0, lambda weather: weather.released.update({CLIENT: RELEASE})),
                (40 * MINUTE, lambda weather: weather.released.clear()),
            ),
        ),
        "outage": Course(
            issuer,
            lambda person: person.application.iss == issuer,
            (
                (0, lambda weather: weather.losing.add(issuer)),
                (2 * MINUTE, lambda weather: weather.mute.add(issuer)),
                (2 * MINUTE, lambda weather: weather.losing.clear()),
                (10 * MINUTE, lambda weather: weather.overloaded.update({issuer: 0.5})),
                (10 * MINUTE, lambda weather: weather.mute.clear()),
                (15 * MINUTE, lambda weather: weather.overloaded.clear()),
            ),
        ),
        "geoip_update": Course(
            f"AS{MOVED_ASN}",
            lambda person: person.home.asn == MOVED_ASN,
            (
                (0, lambda weather: weather.moved.update({MOVED_ASN: MOVED_TO})),
                (6 * HOUR, lambda weather: weather.moved.clear()),
            ),
        ),
        "key_rollover": Course(
            issuer,
            lambda person: person.application.iss == issuer,
            (
                (0, lambda weather: weather.refusing.update({issuer: "invalid_grant"})),
                (6 * MINUTE, lambda weather: weather.refusing.clear()),
            ),
        ),
    }


def brew(stage: Stage, kind: Storm, at: int, issuer: str, *, attack: bool) -> StormLabel:
    """Let a storm begin at `at`, at `issuer` where it is one of an issuer, and hide an attack in it if asked to."""
    course = _courses(issuer)[kind]
    for after, change in course.changes:
        stage.later(at + after, partial(_blow, stage, change))
    lasts = course.changes[-1][0]
    if kind == "bad_release":
        for begins, act in _updates(stage, at):
            stage.later(begins, act)
    if attack:
        plan(stage, "replayed_grandparent", at + lasts * 3 // 4, course.struck)
    return StormLabel(kind, at, at + lasts, course.population, attack)


def _blow(stage: Stage, change: Change, at: int) -> None:
    del at
    change(stage.provider.weather)


def _updates(stage: Stage, at: int) -> Iterator[tuple[int, Act]]:
    """When each of those whom the release reaches gets it: within ten minutes."""
    users = [number for number, person in enumerate(stage.people) if person.application.client_id == CLIENT]
    for number in stage.rng.sample(users, round(ROLLOUT * len(users))):
        yield at + stage.rng.randrange(10 * MINUTE), partial(_update, stage, number)


def _update(stage: Stage, number: int, at: int) -> RefreshEvent | None:
    """The application is updated; while it is in use it refreshes at once."""
    person = stage.people[number]
    person.updated = True
    if person.is_settled(at):
        person.plan(at + 1)
    return None
