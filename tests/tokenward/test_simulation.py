"""The simulator: the same from the same seed, consistent, and true to its labels."""

from collections import defaultdict
from ipaddress import ip_address, ip_network
from typing import Any

import msgspec
import pytest

from ingest.columns import Columns
from ingest.formats import FORMATS, RefreshEvent
from revocation.issuers import Issuer, Issuers
from revocation.policy import Policy, Rules
from tokenward.faults import WrongUse
from tokenward.lines import Line
from tokenward.replay import Replay
from tokenward.simulate.run import Span, Truth, labels, simulate
from tokenward.simulate.shapes import SHAPES
from tokenward.simulate.simulation import APPLICATIONS, Happening
from tokenward.simulate.thefts import CLASSIC, Theft

SPAN = Span(seed=7, sessions=600, hours=1.5, thefts=12, start=1_767_600_000_000)
DOCUMENTATION = [ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "3fff::/20")]
LEVELS = {"quarantine": 1, "revoke": 2}
DOCUMENTATION_ASNS = range(64_496, 64_512)


def events_of(span: Span) -> tuple[list[RefreshEvent], list[Theft]]:
    """All events, and the thefts."""
    events: list[RefreshEvent] = []
    truth = simulate(span, events.append)
    return events, truth.thefts


@pytest.fixture(scope="module")
def simulated() -> tuple[list[RefreshEvent], list[Theft]]:
    """One simulation for all tests that only look."""
    return events_of(SPAN)


def test_the_same_seed_gives_the_same_telemetry(simulated: tuple[list[RefreshEvent], list[Theft]]) -> None:
    """Events and labels repeat; another seed has others."""
    again, other = events_of(SPAN), events_of(msgspec.structs.replace(SPAN, seed=8))

    assert simulated == again
    assert simulated[0][:100] != other[0][:100]


def test_time_never_runs_back(simulated: tuple[list[RefreshEvent], list[Theft]]) -> None:
    """Events come in order, within the span."""
    times = [event.at for event in simulated[0]]

    assert sorted(times) == times
    assert SPAN.start <= times[0]
    assert times[-1] < SPAN.end


def test_nobody_who_exists_is_meant(simulated: tuple[list[RefreshEvent], list[Theft]]) -> None:
    """All addresses and AS numbers are reserved for documentation."""
    addresses = {ip_address(event.ip or "") for event in simulated[0]}

    assert {True} == {any(address in network for network in DOCUMENTATION) for address in addresses}
    assert {event.asn for event in simulated[0]} <= set(DOCUMENTATION_ASNS)


def test_the_provider_is_consistent(simulated: tuple[list[RefreshEvent], list[Theft]]) -> None:
    """A token works once, or again for the same successor; nothing works after a session's end."""
    successors: dict[str, set[str]] = defaultdict(set)
    ended: set[str] = set()
    for event in simulated[0]:
        sid, worked = event.sid or "", event.outcome == "success"
        assert not (worked and sid in ended)
        if event.type == "refresh" and worked:
            successors[event.token or ""].add(event.successor or "")
        if not worked or event.type == "logout":
            ended.add(sid)

    assert {1} == {len(issued) for issued in successors.values()}


def test_honest_oddities_happen(simulated: tuple[list[RefreshEvent], list[Theft]]) -> None:
    """There are logouts, refusals, roaming phones and one address with many subjects."""
    networks: dict[str, set[str]] = defaultdict(set)
    subjects: dict[str, set[str]] = defaultdict(set)
    for event in simulated[0]:
        networks[event.sid or ""].add(event.ip or "")
        subjects[event.ip or ""].add(event.sub or "")
    seen = {(event.type, event.error) for event in simulated[0]}

    assert {("logout", None), ("refresh", "reuse"), ("refresh", "ended")} <= seen
    assert max(map(len, networks.values())) > 2
    assert max(len(subjects[ip]) for ip in subjects if ip.startswith("192.0.2.")) > 1


def test_labels_name_what_happened(simulated: tuple[list[RefreshEvent], list[Theft]]) -> None:
    """Each theft's events are events of its session, one of them at the moment it could be known."""
    events, thefts = simulated
    by_id = {event.id or "": event for event in events}

    assert {kind: SPAN.thefts // len(CLASSIC) for kind in CLASSIC} == {
        kind: sum(theft.kind == kind for theft in thefts) for kind in CLASSIC
    }
    for theft in thefts:
        own = [by_id[name] for name in theft.events]
        assert {(theft.iss, theft.sid)} == {(event.iss, event.sid) for event in own}
        assert theft.at in {event.at for event in own}


def decided(events: list[RefreshEvent], form: str, issuers: Issuers) -> list[dict[str, Any]]:
    """What replay decides beyond watching."""
    replay = Replay(FORMATS[form], issuers, Columns(b"k" * 32, None), Rules.of(Policy(), issuers, b"k" * 32))
    lines = (Line("simulated", number, SHAPES[form](event)) for number, event in enumerate(events))
    return [decision for decision in replay.decisions(lines) if decision["level"] != "watch"]


def test_every_theft_is_found_and_no_honest_person_touched(
    simulated: tuple[list[RefreshEvent], list[Theft]],
) -> None:
    """Replayed, each stolen session is decided as its label demands, and nobody else's is."""
    events, thefts = simulated
    decisions = decided(events, "native", Issuers())
    levels: dict[str, int] = defaultdict(int)
    for decision in decisions:
        levels[decision["sid"]] = max(levels[decision["sid"]], LEVELS[decision["level"]])

    assert set(levels) == {theft.sid for theft in thefts}
    assert [] == [theft for theft in thefts if levels[theft.sid] < LEVELS[theft.expect]]


def test_keycloaks_shape_tells_of_the_same_thefts(simulated: tuple[list[RefreshEvent], list[Theft]]) -> None:
    """Without devices and positions all is found but what needs a position, and nobody else is touched."""
    events, thefts = simulated
    issuers = Issuers({a.iss: Issuer(iss=a.iss, format="keycloak", tenant=a.realm) for a in APPLICATIONS})

    found = {decision["sid"] for decision in decided(events, "keycloak", issuers)}

    assert found <= {theft.sid for theft in thefts}
    assert {theft.sid for theft in thefts if theft.needs is None} <= found


def test_labels_are_lines_with_a_last_one_about_all() -> None:
    """The labels end with what was simulated."""
    theft = Theft(
        kind="thief_first",
        at=SPAN.start,
        iss="i",
        sub="u",
        sid="s",
        client_id="c",
        expect="revoke",
        story="It was stolen.",
        access_jti="j",
        iat=1,
        auth_time=1,
        events=["e"],
    )

    truth = Truth(msgspec.structs.replace(SPAN, sessions=1, thefts=0).simulation())
    truth.see(Happening(RefreshEvent(at=SPAN.start, iss="i", outcome="success"), theft))

    first, last = labels(SPAN, truth)

    assert ("theft", "2026-01-05T08:00:00.000Z", "s") == (first["type"], first["at"], first["sid"])
    assert ("simulation", 7, 1, 1) == (last["type"], last["seed"], last["events"], last["thefts"])


def test_thefts_need_time() -> None:
    """A span without room for victims with a past is refused, unless nothing is stolen."""
    short = msgspec.structs.replace(SPAN, hours=0.1)

    assert [] == msgspec.structs.replace(short, thefts=0).schedule()
    with pytest.raises(WrongUse, match=r"at least 0\.52 hours"):
        short.schedule()
