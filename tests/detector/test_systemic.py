"""What a whole population shows at once is held; what one of its members, or an attacker, shows is not."""

from typing import Any, Final

import numpy as np
import pytest

from detector.batch import Fault, Outcome
from detector.engine import Engine
from detector.verdict import CHANNELS, MEASUREMENTS, Reason, Segment, Verdicts
from tests.detector.sessions import HOUR, LISTENING, START, Row, batch_of, judged, key

MINUTE: Final = 60_000
BERLIN, NEW_YORK = {"lat": 5252, "lon": 1340}, {"lat": 4071, "lon": -7400}


def use(at: int, person: int, **columns: Any) -> Row:
    """A person's session is refreshed at home with the program that everybody has."""
    everybody = {
        "issuer": key("issuer", 1),
        "client": key("client", 1),
        "agent": key("agent", 1),
        "release": key("release", 1),
    }
    own = {name: key(name, person) for name in ("family", "subject", "device", "network", "origin")}
    return {"at": at, "asn": 64500} | everybody | own | columns


def loop(people: range, *, begins: int = 0, times: int = 60, **columns: Any) -> list[Row]:
    """Each of them refreshes again and again, for a minute."""
    return [use(begins + number * 1000, person, **columns) for number in range(times) for person in people]


def usual(people: range, **columns: Any) -> list[Row]:
    """Each of them refreshes once, from the address where they are at home."""
    return [use(-2 * MINUTE, person, **columns) for person in people]


def held(verdicts: Verdicts, cause: Reason) -> int:
    """How many events are held for the cause."""
    return int(((verdicts.reasons & np.uint64(cause)) != 0).sum())


def incidents(verdicts: Verdicts) -> list[Segment]:
    """The segments of the incidents that begin."""
    return [Segment(segment) for segment in verdicts.incident.tolist() if segment]


def test_a_release_that_refreshes_in_a_loop_is_held() -> None:
    """Sixty families burst at once: from the first incident on, their bursts weigh nothing and say why."""
    verdicts = judged(loop(range(1, 61)))

    begins = verdicts.incident.argmax()
    bursts = verdicts.grades[begins:, CHANNELS.index("cadence")] >= 5
    assert bursts.sum() > 1000
    assert ((verdicts.reasons[begins:][bursts] & np.uint64(Reason.SYSTEMIC_VOLUME)) != 0).all()
    assert verdicts.weights[begins:, CHANNELS.index("cadence")].max() == 0
    assert verdicts.measurements[-1, MEASUREMENTS.index("systemic_families")] == pytest.approx(60, rel=0.2)
    assert verdicts.measurements[-1, MEASUREMENTS.index("systemic_share")] > 0.5


OTHER_RELEASE: Final = {"release": key("release", 9)}
OTHER_CLIENT: Final = {"client": key("client", 9), "release": key("release", 9)}


@pytest.mark.parametrize(
    ("healthy", "named"),
    [
        (OTHER_RELEASE, Segment.RELEASE),
        (OTHER_CLIENT, Segment.CLIENT),
        (OTHER_CLIENT | {"asn": 2}, Segment.NETWORK),
        (OTHER_CLIENT | {"asn": 2, "issuer": 7}, Segment.ISSUER),
    ],
    ids=["another release is well", "another client is", "another network is", "another issuer is"],
)
def test_the_incident_names_what_is_hit(healthy: Row, named: Segment) -> None:
    """The widest population that is hit as evenly as the hardest hit, once."""
    verdicts = judged(usual(range(100, 500), **healthy) + loop(range(1, 61)))

    assert incidents(verdicts) == [named]


@pytest.mark.parametrize("people", [3, 60])
def test_few_families_are_no_population(people: int) -> None:
    """Below the floor nothing is held, however large their share is."""
    verdicts = judged(loop(range(1, people + 1)))

    assert (held(verdicts, Reason.SYSTEMIC_VOLUME) > 0) == (people == 60)


def test_a_small_share_is_no_population() -> None:
    """Twenty looping families of two thousand that are well are no sign of the release."""
    well = [use(-minute * MINUTE, person) for minute in (7, 2) for person in range(100, 3100)]

    assert held(judged(well + loop(range(1, 21))), Reason.SYSTEMIC_VOLUME) == 0


def moved(people: range, **columns: Any) -> list[Row]:
    """Each of them is in New York a minute after Berlin."""
    rows = usual(people, accuracy=20, **BERLIN)
    away = [use(0, person, accuracy=20, network=key("away", person), **NEW_YORK) | columns for person in people]
    return rows + away


@pytest.mark.parametrize(("hands", "is_held"), [({}, True), ({"device": 5 << 40}, False), ({"agent": 5 << 40}, True)])
def test_journeys_are_held_where_no_hands_are_new(hands: Row, *, is_held: bool) -> None:
    """A wrong GeoIP update moves devices that are known; thieves come with their own."""
    verdicts = judged(moved(range(1, 61), **hands))

    assert held(verdicts, Reason.TRAVEL_IMPOSSIBLE) == 60
    assert (held(verdicts, Reason.SYSTEMIC_TRAVEL) > 30) == is_held
    assert incidents(verdicts) == ([Segment.ISSUER] if is_held else [])


@pytest.mark.parametrize(("origin", "is_held"), [(key("origin", 999), False), (None, True)], ids=["foreign", "at home"])
def test_stuffing_is_not_held(origin: int | None, *, is_held: bool) -> None:
    """Tokens of one client's families refused at an address that they never met; at home that is an outage."""
    at = {} if origin is None else {"origin": origin}
    refused = [
        use(person * 100, person, outcome=Outcome.REFUSED, fault=Fault.INVALID_GRANT, **at) for person in range(1, 201)
    ]

    told = Engine(LISTENING).judge(batch_of(usual(range(1, 201)) + refused), START).tallies

    assert told.held.any() == is_held


@pytest.mark.parametrize(("after", "is_held"), [(12 * MINUTE, True), (15 * MINUTE, False), (HOUR, False)])
def test_holding_ends(after: int, *, is_held: bool) -> None:
    """A quarter of an hour after the last surprise a single family's burst is its own again."""
    rows = loop(range(1, 61)) + loop(range(1, 2), begins=MINUTE + after, times=100)

    verdicts = judged(rows)

    last = int(verdicts.reasons[-1])
    assert (last & Reason.CADENCE_BURST, bool(last & Reason.SYSTEMIC_VOLUME)) == (Reason.CADENCE_BURST, is_held)


def test_a_bad_release_does_not_blind_another() -> None:
    """While one release loops, the burst of a single family of another release of that client is weighed."""
    rows = usual(range(100, 500), **OTHER_RELEASE)
    rows += [row for minute in range(6) for row in loop(range(1, 61), begins=minute * MINUTE)]
    rows += loop(range(100, 101), begins=6 * MINUTE, times=100, **OTHER_RELEASE)

    last = int(judged(rows).reasons[-1])

    assert last == Reason.CADENCE_BURST


def test_the_clients_active_families_are_told() -> None:
    """What is awake is told how many families its client has: one in eight is counted, for all."""
    verdicts = judged(usual(range(100, 900)) + loop(range(1, 2), times=100))

    families = verdicts.measurements[-1, MEASUREMENTS.index("client_families")]
    assert families == pytest.approx(600, rel=0.3)
