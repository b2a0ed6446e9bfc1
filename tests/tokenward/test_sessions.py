"""Sessions picked from telemetry."""

from typing import Any

import pytest

from ingest.enrich import Places
from ingest.formats.event import RefreshEvent
from ingest.formats.native import encode
from ingest.pseudonyms import Pseudonyms
from revocation.issuers import Issuers
from revocation.record import Scope, digester
from tokenward.faults import WrongUse
from tokenward.sessions import Picker, Wanted, network_named

ISS, KEY, AT = "https://idp.example", b"a key of sixteen", 1_795_427_100_000
CHROME = "Mozilla/5.0 Chrome/{}.0 Safari/537"


def event(**members: Any) -> RefreshEvent:
    """An event of ann's session."""
    usual = {"at": AT, "iss": ISS, "outcome": "success", "sid": "s1", "client_id": "spa", "ip": "203.0.113.7"}
    agent = {"user_agent": CHROME.format(120), "asn": 64_500, "country": "DE"}
    return RefreshEvent(**{**usual, **agent, **members})


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({}, True),
        ({"iss": ISS}, True),
        ({"iss": "https://other.example"}, False),
        ({"client_id": "spa"}, True),
        ({"client_id": "app"}, False),
        ({"asn": 64_500}, True),
        ({"asn": 64_501}, False),
        ({"country": "DE"}, True),
        ({"country": "FR"}, False),
        ({"network": network_named("203.0.113.0/24")}, True),
        ({"network": network_named("203.0.114.0/24")}, False),
        ({"network": network_named("2001:db8::/32")}, False),
        ({"agent": CHROME.format(121)}, True),
        ({"agent": "curl/8"}, False),
        ({"since": AT, "until": AT + 1}, True),
        ({"since": AT + 1}, False),
        ({"until": AT}, False),
    ],
)
@pytest.mark.parametrize("pseudonymised", [False, True])
def test_what_fits(wanted: dict[str, Any], fits: bool, pseudonymised: bool) -> None:
    """Each of the marks picks or leaves the event, in the clear and under pseudonyms."""
    told = event()
    if pseudonymised:
        Pseudonyms(KEY).put(told)

    assert fits == Picker(Wanted(**wanted), Places(), KEY).fits(told)


def test_each_session_is_a_line_once() -> None:
    """In the clear by its name, under a pseudonym by its digest; what tells no session, or nothing, is counted."""
    hidden = event(sid="s2")
    Pseudonyms(KEY).put(hidden)
    values = [encode(one) for one in (event(), event(at=AT + 1), hidden, event(sid=None))]
    picked = Picker(Wanted(), Places(), KEY).pick([*values, b"{"], Issuers({}))
    digest = digester(KEY, Scope.FAMILY, ISS)("s2").hex()

    assert [
        b'{"iss":"https://idp.example","sid":"s1"}',
        b'{"scope":"family","digest":"%b"}' % digest.encode(),
    ] == list(picked.lines())
    assert (5, 4, 1, 1) == (picked.events, picked.fitting, picked.without, picked.unreadable)


def test_what_is_no_network() -> None:
    """It is wrong use."""
    with pytest.raises(WrongUse):
        network_named("everywhere")
