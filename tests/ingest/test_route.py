"""The route on a real broker: everything arrives once, keyed by subject, and names nobody."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ingest.outward.naming import HEADER, Naming
from ingest.report import RouteReport
from revocation.record import Scope, digester
from revocation.seal import Seal
from revocation.ssf.identity import Identities, Identity
from tests.rig import Names, Steps, clock, past
from tests.telemetry import ISS, KEY, Session

pytestmark = pytest.mark.kafka

WORDS = ("sub", "sid", "token", "successor", "access_jti")


@pytest.fixture
def names(kafka_bootstrap: str) -> Names:
    """Topics of four partitions that nobody else knows."""
    names = Names(kafka_bootstrap)
    names.create(4)
    return names


@contextmanager
def routing(names: Names, **given: Any) -> Iterator[Steps]:
    """A route that is stepped by hand, and closed afterwards."""
    route = names.route(**given)
    try:
        yield Steps(route.step)
    finally:
        route.close()


def test_unkeyed_events_come_out_keyed_by_subject(names: Names) -> None:
    """What Keycloak spread over all partitions lies in one per subject, in the order in which it happened."""
    sessions = [Session(past()) for _ in range(3)]
    names.tell(*(value for s in sessions for value in s.keycloak_refreshes(4)), topic=names.provider)
    with routing(names) as route:
        route.until_total("events", 12)
    written = names.read(names.telemetry)

    for session in sessions:
        key = digester(KEY, Scope.SUBJECT, ISS)(session.sub).hex().encode()
        own = [record for record in written if record.key == key]
        assert (4, 1) == (len(own), len({record.partition for record in own}))
        times = [json.loads(record.value or b"")["at"] for record in own]
        assert sorted(times) == times
    assert 0 == names.unread(names.provider)


def test_nobody_is_named_behind_the_route(names: Names) -> None:
    """Subjects, sessions and tokens leave as pseudonyms, event ids and times as they came."""
    session = Session(past())
    values = [*session.keycloak_refreshes(3), session.keycloak_theft()]
    names.tell(*values, topic=names.provider, partition=0)
    with routing(names) as route:
        route.until_total("events", 4)
    events = [json.loads(record.value or b"") for record in names.read(names.telemetry)]

    assert {"tw1."} == {event[word][:4] for event in events for word in WORDS if word in event}
    assert [json.loads(value)["id"] for value in values] == [event["id"] for event in events]
    assert [json.loads(value)["time"] for value in values] == [event["at"] for event in events]


def test_names_may_be_left_in_the_clear(names: Names) -> None:
    """Where pseudonyms are not wanted, identifiers go on, and the keys are digests all the same."""
    session = Session(past())
    names.tell(*session.keycloak_refreshes(1), topic=names.provider, partition=0)
    with routing(names, pseudonymise=False) as route:
        route.until_total("events", 1)
    (record,) = names.read(names.telemetry)

    assert (session.sub, session.sid) == tuple(json.loads(record.value or b"")[word] for word in ("sub", "sid"))
    assert digester(KEY, Scope.SUBJECT, ISS)(session.sub).hex().encode() == record.key


def test_a_records_time_is_kept(names: Names) -> None:
    """An event's own time is checked against its record's, so the route must not make the record younger."""
    names.tell(*Session(past()).keycloak_refreshes(1), topic=names.provider, timestamp_ms=past())
    with routing(names) as route:
        route.until_total("events", 1)
    (record,) = names.read(names.telemetry)

    assert record.timestamp < clock() - 20 * 60_000


def test_what_cannot_be_read_is_set_aside(names: Names) -> None:
    """Records that are no events, or of a realm that nobody mapped, go to the dead letters; the rest goes on."""
    session = Session(past())
    good, foreign = session.keycloak_refreshes(2)
    foreign = json.dumps(json.loads(foreign) | {"realmId": "unheard-of"}).encode()
    names.tell(b"garbage", foreign, good, topic=names.provider, partition=0)
    with routing(names) as route:
        route.until_total("events", 1)

        assert [(b"garbage", "bad_json"), (foreign, "unmapped_tenant")] == names.letters()
        report = route.reports[-1]
        assert isinstance(report, RouteReport)
        assert ({"bad_json": 1, "unmapped_tenant": 1}, {"subject": 1}) == (report.rejects, report.keyed)
    assert 0 == names.unread(names.provider)


def test_a_restart_goes_on_where_the_last_one_ended(names: Names) -> None:
    """Nothing is written twice, and nothing is left out."""
    session = Session(past())
    for _ in range(2):
        names.tell(*session.keycloak_refreshes(3), topic=names.provider, partition=0)
        with routing(names) as route:
            route.until_total("events", 3)

    assert (6, 0) == (len(names.read(names.telemetry)), names.unread(names.provider))


def test_whom_an_event_is_about_travels_sealed(names: Names) -> None:
    """Beside the digests, for `notify` alone: the person of the session too, where a refusal names only that."""
    session = Session(past())
    values = [*session.keycloak_refreshes(3), without_person(session.keycloak_theft())]
    names.tell(*values, topic=names.provider, partition=0)
    identities = Identities(Seal(b"a key"))
    with routing(names, name=Naming(identities)) as route:
        route.until_total("events", 4)
    sealed = [dict(record.headers)[HEADER] for record in names.read(names.telemetry)]

    assert [Identity(ISS, session.sub, session.sid)] * 4 == [identities.open(one) for one in sealed]


def without_person(value: bytes) -> bytes:
    """The provider's event, as it is where it names the session only."""
    return json.dumps({name: said for name, said in json.loads(value).items() if name != "userId"}).encode()
