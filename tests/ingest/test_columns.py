"""Columns: the digests are the registry's, and the same event has the same row whatever the batch."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.batch import SCHEMA, UNKNOWN, Fault, Kind, Outcome, RefreshBatch
from ingest.columns import Columns
from ingest.enrich import Places
from ingest.formats import RefreshEvent
from revocation.issuers import Issuer, Issuers, Visible
from revocation.record import Scope, digester, pseudonym
from tests.builders import DIGEST_KEY, HOME, ISS, Spot, batch, refreshes, replay
from tests.ingest.examples import events
from tests.ingest.test_enrich import BERLIN, database

SUBJECT = digester(DIGEST_KEY, Scope.SUBJECT, ISS)


def event(**members: object) -> RefreshEvent:
    """An event of little but `members`."""
    return RefreshEvent(**({"at": 1, "iss": ISS, "outcome": "success", "sub": "ann"} | members))  # type: ignore[arg-type]


def rows(whole: RefreshBatch) -> list[tuple[int, ...]]:
    """The batch, a tuple an event."""
    return list(zip(*(getattr(whole, field.name).tolist() for field in fields(whole)), strict=True))


@pytest.mark.parametrize(
    ("scope", "member", "value", "columns"),
    [
        (Scope.SUBJECT, "sub", "ann", ("subject", "subject_low")),
        (Scope.FAMILY, "sid", "s-1", ("family", "family_low")),
        (Scope.TOKEN, "access_jti", "onrtrt:a-1", ("access", "access_low")),
    ],
)
def test_identities_are_the_registrys_digests(scope: Scope, member: str, value: str, columns: tuple[str, str]) -> None:
    """What a gateway digests and what telemetry digests is the same, all 128 bits; a pseudonym is a digest already."""
    digest = digester(DIGEST_KEY, scope, ISS)(value)
    expected = [int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big")]

    made = batch([event(**{member: value}), event(**{member: pseudonym(digest)})])

    assert [expected, expected] == [[int(getattr(made, column)[row]) for column in columns] for row in (0, 1)]


def test_an_unknown_identity_is_zero_and_a_known_one_never() -> None:
    """0 means "not known", so a digest that happens to be 0 becomes 1."""
    nobody = pseudonym(bytes(15) + b"\1")
    made = batch([event(sub=None, ip="192.0.2.66"), event(sub=nobody, sid=nobody), event(access_jti=nobody)])

    assert made.subject.tolist()[:2] == [0, 1]
    assert made.family.tolist()[:2] == [0, 1]
    assert made.access.tolist() == [0, 0, 1]


@pytest.mark.parametrize(("visible", "digested"), [(("sid", "jti"), False), (("sub", "jti"), True)])
def test_an_access_token_is_digested_where_its_session_cannot_be_refused(
    visible: tuple[Visible, ...], digested: bool
) -> None:
    """A session that gateways see is refused as a whole; its tokens need no digests of their own."""
    issuers = Issuers({ISS: Issuer(iss=ISS, visible=visible)})

    made = Columns(DIGEST_KEY, issuers=issuers).batch([event(sid="s-1", access_jti="a-1")])

    assert bool(made.access[0]) is digested


def test_the_successor_of_one_is_the_token_of_the_next() -> None:
    """Whatever batches they are in, and whatever else is in these."""
    story = refreshes(times=4).events()
    apart = [batch([one, event(token="x" * 200, successor="ü")]) for one in story]

    assert [b.successor[0] for b in apart[:-1]] == [b.token[0] for b in apart[1:]]
    assert batch(story).successor.tolist()[:-1] == batch(story).token.tolist()[1:]


def test_equal_ids_of_two_issuers_differ() -> None:
    """Every key is bound to its issuer, but for addresses."""
    members = {
        "id": "1",
        "sid": "1",
        "token": "1",
        "successor": "1",
        "access_jti": "1",
        "client_id": "1",
        "device_id": "1",
    }
    made = batch([event(ip="192.0.2.66", **members), event(ip="192.0.2.66", **members | {"iss": "https://other"})])
    same = {name for name in SCHEMA if len(set(getattr(made, name).tolist())) == 1 and getattr(made, name)[0] > 0}

    assert same == {"at", "network", "origin", "origin_low"}


def test_a_record_without_an_id_is_named_by_all_it_says() -> None:
    """The same record twice has one digest; another member, another digest."""
    made = batch([event(), event(), event(ip="192.0.2.66"), event(id="1")])

    assert (2, 3) == (made.event.tolist().count(made.event[0]), len(set(made.event.tolist())))


def test_a_browsers_update_is_no_new_device() -> None:
    """The device id counts, else the user agent without its digits, else nothing is known."""
    made = batch(
        [
            event(user_agent="Firefox/128.0"),
            event(user_agent="Firefox/129.1"),
            event(user_agent="Chrome/129.1"),
            event(device_id="Firefox/128.0"),
            event(device_id="d", user_agent="Firefox/128.0"),
            event(device_id="d", user_agent="Chrome/129.1"),
            event(),
            event(user_agent="123"),
        ]
    )
    a, b, c, d, e, f, none, digits = made.device.tolist()

    assert (True, True, [0, 0]) == (a == b, e == f, [none, digits])
    assert len({0, a, c, d, e}) == 5


def test_neighbours_share_a_network() -> None:
    """A /24, a /48, IPv4 inside IPv6; what is no address is not known."""
    ips = [
        "192.0.2.66",
        "::ffff:192.0.2.1",
        "192.0.3.66",
        "2001:db8:1::1",
        "2001:db8:1:2::1",
        "2001:db8:2::1",
        "?",
        None,
    ]
    made = batch([event(ip=ip) for ip in ips])
    networks = made.network.tolist()

    assert (networks[0] == networks[1], networks[3] == networks[4], networks[6:]) == (True, True, [0, 0])
    assert (5, 7) == (len(set(networks)), len(set(made.origin.tolist())))


def test_words_become_numbers() -> None:
    """Kinds, outcomes and faults; a refusal that says nothing is OTHER."""
    made = batch(
        [
            event(),
            event(type="login"),
            event(type="logout"),
            event(type="revoked"),
            event(outcome="refused"),
            *[
                event(outcome="refused", error=word)
                for word in ("invalid_grant", "reuse", "stale", "ended", "expired", "x")
            ],
        ]
    )

    assert [Kind.REFRESH, Kind.LOGIN, Kind.LOGOUT, Kind.REVOKED] == made.kind.tolist()[:4]
    assert [Outcome.SUCCESS] * 4 + [Outcome.REFUSED] * 7 == made.outcome.tolist()
    told = [Fault.INVALID_GRANT, Fault.REUSE, Fault.STALE, Fault.ENDED, Fault.EXPIRED, Fault.OTHER]
    assert [Fault.NONE] * 4 + [Fault.OTHER] + told == made.fault.tolist()


def test_numbers_are_taken_over_and_gaps_filled() -> None:
    """Counters and expiry where given, "not known" where not; the place in Kafka too."""
    given_, gap = event(generation=0, latest_generation=9, access_exp=5), event()
    made = Columns(DIGEST_KEY).batch([gap, given_], [3, 4], [70, 71])

    assert ([UNKNOWN, 0], [UNKNOWN, 9], [0, 5], [3, 4], [70, 71]) == (
        made.generation.tolist(),
        made.latest_generation.tolist(),
        made.access_exp.tolist(),
        made.partition.tolist(),
        made.offset.tolist(),
    )


def test_what_the_event_says_of_its_place_wins(tmp_path: Path) -> None:
    """The files fill in the rest; without a position there is no accuracy."""
    places = Places(database(tmp_path / "city.mmdb", {"203.0.113.0/24": BERLIN | {"autonomous_system_number": 64500}}))
    sydney = Spot(HOME.ip, lat=-33.868, lon=151.209, country="au")
    made = Columns(DIGEST_KEY, places).batch(
        [
            event(ip=HOME.ip),
            event(asn=64501, **sydney._asdict()),
            event(ip=HOME.ip, lat=1.0),
            event(ip="192.0.2.66"),
            event(lat=0.0, lon=0.0, accuracy_km=0.4),
        ]
    )

    assert [(5252, 1341, 20), (-3387, 15121, 50), (5252, 1341, 20), (0, 0, UNKNOWN), (0, 0, 0)] == list(
        zip(made.lat.tolist(), made.lon.tolist(), made.accuracy.tolist(), strict=True)
    )
    assert [64500, 64501, 64500, 0, 0] == made.asn.tolist()
    assert [b"DE", b"AU", b"DE", b"\0\0", b"\0\0"] == [country.to_bytes(2, "big") for country in made.country.tolist()]


@settings(deadline=None)
@given(stream=st.lists(events, max_size=12), cut=st.integers(0, 12))
def test_a_row_does_not_depend_on_its_batch(stream: list[RefreshEvent], cut: int) -> None:
    """Any cut of the stream, cold or warm, gives the same rows."""
    whole = batch(stream)
    warm = Columns(DIGEST_KEY)
    parts = RefreshBatch.concat([warm.batch(stream[:cut]), warm.batch(stream[cut:])])

    assert rows(whole) == rows(parts) == rows(warm.batch(stream))


def test_another_process_makes_the_same_row() -> None:
    """Nothing hangs on Python's own hash, which is another one in each process."""
    program = "from tests.builders import *; print(batch(refreshes().then(replay()).events()).token.tolist())"

    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    ).stdout

    assert told.strip() == str(batch(refreshes().then(replay()).events()).token.tolist())


def test_no_events_are_the_tick() -> None:
    """An empty batch has every column and no row."""
    assert len(Columns(DIGEST_KEY).batch([])) == 0
