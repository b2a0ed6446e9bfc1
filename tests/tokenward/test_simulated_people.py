"""People with habits, attacks of every kind, and storms: what the simulator says of them is what happens."""

import tracemalloc
from collections import Counter, defaultdict
from functools import cache

import msgspec
import pytest

from ingest.formats import RefreshEvent
from tokenward.simulate.habits import HABITS, habit_of
from tokenward.simulate.provider import DAY, HOUR, MINUTE
from tokenward.simulate.run import Span, Truth, labels, simulate
from tokenward.simulate.storms import CLIENT, MOVED_ASN, MOVED_TO, STORMS, Storm
from tokenward.simulate.stuffing import CAMPAIGNS
from tokenward.simulate.thefts import KINDS

START = 1_767_600_000_000
QUIET = Span(seed=5, sessions=500, hours=36, thefts=0, start=START, habits=True)
ATTACKED = msgspec.structs.replace(QUIET, thefts=2 * len(KINDS), attacks=KINDS)


@cache
def events_of(span: Span) -> tuple[list[RefreshEvent], Truth]:
    """All events, and the truth about them."""
    events: list[RefreshEvent] = []
    return events, simulate(span, events.append)


def stormy(storm: Storm) -> Span:
    """A working day with that storm in it."""
    return msgspec.structs.replace(QUIET, hours=16, storms=(storm,))


def in_storm(storm: Storm) -> list[RefreshEvent]:
    """What happens while it rages."""
    events, truth = events_of(stormy(storm))
    return [event for event in events if truth.storms[0].begins <= event.at < truth.storms[0].ends]


@pytest.mark.parametrize("span", [ATTACKED, stormy("outage")])
def test_the_same_seed_gives_the_same_events(span: Span) -> None:
    """Habits, attacks and storms repeat, too."""
    again: list[RefreshEvent] = []
    simulate(span, again.append)

    assert events_of(span)[0] == again


def test_a_person_costs_less_than_1500_bytes() -> None:
    """Whatever has happened in half a day, a million people fit into a gigabyte and a half."""
    span = msgspec.structs.replace(QUIET, sessions=2_000, hours=12)
    tracemalloc.start()
    try:
        simulation = span.simulation()
        for _ in simulation.until(span.end):
            pass
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert used < 1_500 * span.sessions


def test_time_never_runs_back() -> None:
    """Events of people, attacks and storms come in one order."""
    for span in (ATTACKED, *map(stormy, STORMS)):
        times = [event.at for event in events_of(span)[0]]
        assert sorted(times) == times


def test_people_sleep_and_machines_do_not() -> None:
    """From two to four in the morning there is nobody but batch jobs, and whoever lives far east or west."""
    nightly = Counter(habit_of(event.sub) for event in events_of(QUIET)[0] if 2 <= event.at / HOUR % 24 < 4)

    assert "batch" == nightly.most_common(1)[0][0]
    assert nightly.total() < 2 * nightly["batch"]


def test_a_session_is_used_some_hours_a_day() -> None:
    """A day of a session that is used has some tens of events, not 288."""
    days = Counter((event.sid, event.at // DAY) for event in events_of(QUIET)[0] if habit_of(event.sub) == "ordinary")

    assert 8 < sum(days.values()) / len(days) < 40


def test_habits_show_in_addresses() -> None:
    """Kiosks, carriers' NATs and servers have many subjects at an address; roamers and commuters many addresses."""
    subjects: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    addresses: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for event in events_of(QUIET)[0]:
        habit = habit_of(event.sub)
        subjects[habit][event.ip or ""].add(event.sub or "")
        addresses[habit][event.sub or ""].add(event.ip or "")
    crowded = {habit for habit, by_ip in subjects.items() if max(map(len, by_ip.values())) > 2}
    moving = {habit for habit, by_sub in addresses.items() if max(map(len, by_sub.values())) > 4}

    assert {"kiosk", "cgnat", "batch"} <= crowded
    assert {"ordinary", "sleeper", "roamer"}.isdisjoint(crowded)
    assert {"roamer", "commuter"} <= moving
    assert {"ordinary", "household", "cgnat", "sleeper"}.isdisjoint(moving)


def test_labels_map_subjects_to_habits() -> None:
    """Every habit has a line with the prefix of its subjects, and the lines count all people."""
    events, truth = events_of(QUIET)
    lines = [line for line in labels(QUIET, truth) if line["type"] == "habit"]
    by_prefix = {line["sub_prefix"]: line["habit"] for line in lines}

    assert [habit.name for habit in HABITS] == [line["habit"] for line in lines]
    assert QUIET.sessions == sum(line["sessions"] for line in lines)
    assert {habit_of(event.sub) for event in events} == {by_prefix[(event.sub or "")[:2]] for event in events}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_attack_happens(kind: str) -> None:
    """Each leaves its label, and the events that the label names are there."""
    events, truth = events_of(ATTACKED)
    names = {event.id for event in events}
    thefts = [theft for theft in truth.thefts if theft.kind == kind]

    assert 2 == len(thefts)
    assert all(theft.events and names.issuperset(theft.events) for theft in thefts)


def test_who_is_robbed_at_night_comes_back_in_the_morning() -> None:
    """The thief refreshes for hours; at the moment of truth the owner presents a token that was used up long ago."""
    events, truth = events_of(ATTACKED)
    for theft in (theft for theft in truth.thefts if theft.kind == "night_theft"):
        own = [event for event in events if event.id in set(theft.events)]
        there = [event for event in own if event.at <= theft.at]
        assert there[-1].at - there[0].at > 3 * HOUR
        assert ("refused", "stale") == (there[-1].outcome, there[-1].error)


@pytest.mark.parametrize(("kind", "addresses"), [("stuffing_address", 1), ("stuffing_network", 300), ("botnet", 300)])
def test_stuffing_comes_from_where_it_says(kind: str, addresses: int) -> None:
    """One address, one network, or 300 machines that are alike; most foreign tokens are refused."""
    events, truth = events_of(ATTACKED)
    theft = next(theft for theft in truth.thefts if theft.kind == kind)
    tried = [event for event in events if event.id in set(theft.events) and (event.sub is None or event.error)]
    foreign = [event for event in tried if event.error == "invalid_grant"]

    assert addresses >= len({event.ip for event in foreign}) > addresses * 0.7
    assert 1 == len({(event.client_id, event.user_agent) for event in foreign})
    assert len(foreign) > CAMPAIGNS[theft.kind].attempts * 0.7


def test_a_bad_release_refreshes_in_a_loop() -> None:
    """In ten minutes some families refresh a hundred times, with the new user agent."""
    loops = Counter(event.sid for event in in_storm("bad_release") if "8.0" in (event.user_agent or ""))

    assert len(loops) > 5
    assert max(loops.values()) > 100
    assert {CLIENT} == {e.client_id for e in in_storm("bad_release") if "8.0" in (e.user_agent or "")}


def test_an_outage_is_silent_and_then_refuses() -> None:
    """For eight minutes the issuer says nothing; then it refuses many, and nobody's session ends by that."""
    events, truth = events_of(stormy("outage"))
    storm = truth.storms[0]
    minutes = Counter((e.at - storm.begins) // MINUTE for e in events if e.iss == storm.population)
    refused = [event for event in in_storm("outage") if event.error == "temporarily_unavailable"]

    assert 0 == sum(minutes[minute] for minute in range(2, 10))
    assert len(refused) > 10
    assert minutes[10] > 2 * minutes[-1]


def test_a_geoip_update_moves_one_network() -> None:
    """Its customers are said to be elsewhere, and all others where they are."""
    where: dict[bool, set[float | None]] = defaultdict(set)
    for event in in_storm("geoip_update"):
        where[event.asn == MOVED_ASN].add(event.lat)

    assert {MOVED_TO.lat} == where[True]
    assert len(where[False]) > 5


def test_a_key_rollover_refuses_everybody() -> None:
    """For six minutes no refresh of the issuer works, and afterwards the same sessions go on."""
    events, truth = events_of(stormy("key_rollover"))
    storm = truth.storms[0]
    within = [e for e in in_storm("key_rollover") if e.iss == storm.population and e.type == "refresh"]
    sids = {event.sid for event in within}

    assert {"invalid_grant"} == {event.error for event in within}
    assert any(event.sid in sids and event.outcome == "success" for event in events if event.at > storm.ends)


@pytest.mark.parametrize("storm", STORMS)
def test_an_attack_hides_in_the_storm(storm: Storm) -> None:
    """A grandparent is replayed from afar while it rages, in the population that it hits."""
    _, truth = events_of(stormy(storm))
    (theft,) = truth.thefts

    assert "replayed_grandparent" == theft.kind
    assert truth.storms[0].begins < theft.at < truth.storms[0].ends
