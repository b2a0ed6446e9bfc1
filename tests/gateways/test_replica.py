"""nginx with a replica of its own: what it knows without asking, and what it does not take upon itself."""

import time
import uuid

import pytest

from revocation.record import State
from tests.gateways.cases import outcome
from tests.gateways.registry import House, Registry, token
from tests.gateways.stands import Stand, Stands
from tests.servers.process import until

pytestmark = [pytest.mark.gateways, pytest.mark.redis]

REQUESTS = 40


@pytest.fixture
def stand(stands: Stands) -> Stand:
    """nginx, following a registry that works."""
    return stands.get("up", "replica")


@pytest.fixture
def house(stands: Stands) -> House:
    """What decides there."""
    return stands.registry("up").house


def known(stand: Stand, sid: str) -> str:
    """A token of that session that has passed, so that it is remembered."""
    bearer = token(sid)
    assert outcome(stand.ask(bearer=bearer)) == "passes"
    return bearer


def refused(stand: Stand, bearer: str) -> bool:
    """Whether it is refused."""
    return outcome(stand.ask(bearer=bearer)) != "passes"


def test_a_token_is_asked_about_once(stand: Stand) -> None:
    """However often a token comes, the API is asked about it once."""
    stand.wire.said()
    bearer = token()
    outcomes = {outcome(stand.ask(bearer=bearer)) for _ in range(REQUESTS)}

    assert {"passes"} == outcomes
    assert stand.wire.said().count(b"GET /authz ") == 1


def test_a_cookie_is_asked_about_once(stand: Stand) -> None:
    """The same holds for a token in the cookie, and for one that the browser keeps among others."""
    stand.wire.said()
    headers = [("Cookie", f"theme=dark; access_token={token()}; lang=pl")]
    outcomes = {outcome(stand.ask(headers=headers)) for _ in range(REQUESTS)}

    assert {"passes"} == outcomes
    assert stand.wire.said().count(b"GET /authz ") == 1


def test_a_revocation_reaches_what_was_let_pass(stand: Stand, house: House) -> None:
    """A token that passed, and is remembered, is refused as soon as its session is revoked."""
    sid = str(uuid.uuid4())
    bearer = known(stand, sid)
    house.decide(sid)
    until(lambda: refused(stand, bearer), "the revocation", seconds=10)

    assert outcome(stand.ask(bearer=bearer)) == "401 invalid_token"


def test_a_quarantine_asks_for_a_login_until_there_was_one(stand: Stand, house: House) -> None:
    """A quarantine answers with the API's challenge, and spares a token of a later login."""
    sid = str(uuid.uuid4())
    bearer = known(stand, sid)
    house.decide(sid, State.QUARANTINED)
    until(lambda: refused(stand, bearer), "the quarantine", seconds=10)
    later = token(sid, auth_time=int(time.time()) + 2)
    outcomes = [outcome(stand.ask(bearer=each)) for each in (bearer, later, later)]

    assert ["401 insufficient_user_authentication", "passes", "passes"] == outcomes


def test_a_token_ends(stand: Stand) -> None:
    """What is remembered of a token is forgotten when it ends, and the API refuses it."""
    bearer = token(lasts_s=-28)  # within the 30 s that the API lets its clock differ
    outcomes = [outcome(stand.ask(bearer=bearer))]
    until(lambda: refused(stand, bearer), "the token's end", seconds=10)

    assert ["passes", "401 invalid_token"] == [*outcomes, outcome(stand.ask(bearer=bearer))]


@pytest.mark.slow
def test_without_the_api_what_is_known_holds(stands: Stands) -> None:
    """While the API is down, known-bad tokens stay refused, known-good ones pass, and nobody else does."""
    with stands.mortal("replica") as (api, stand):
        sid = str(uuid.uuid4())
        bad, good = known(stand, sid), known(stand, str(uuid.uuid4()))
        api.house.decide(sid)
        until(lambda: refused(stand, bad), "the revocation", seconds=10)
        api.kill()
        outcomes = [outcome(stand.ask(bearer=bearer)) for bearer in (bad, good, token())]

    assert ["401 invalid_token", "passes", "503"] == outcomes


@pytest.mark.slow
def test_stale_knowledge_lets_nobody_pass(stands: Stands) -> None:
    """Past max_staleness_s without the API, what was known to be good is refused, too."""
    with stands.mortal("replica", {"max_staleness_s = 60": "max_staleness_s = 1"}) as (api, stand):
        good = known(stand, str(uuid.uuid4()))
        api.kill()
        until(lambda: refused(stand, good), "staleness", seconds=10)

        assert outcome(stand.ask(bearer=good)) == "503"


@pytest.mark.slow
def test_a_full_replica_asks_instead_of_forgetting(stands: Stands) -> None:
    """A dict that is too small for the registry's entries makes nginx ask about every request, and forget nothing."""
    with stands.mortal("replica", {"tokenward_entries 192m": "tokenward_entries 12k"}, entries=400) as (api, stand):
        bearer = known(stand, str(uuid.uuid4()))
        until(lambda: "no room left" in stand.log.read_text(), "the dict is full")
        stand.wire.said()
        outcomes = {outcome(stand.ask(bearer=bearer)) for _ in range(3)}
        asked = stand.wire.said().count(b"GET /authz ")
        assert isinstance(api, Registry)

    assert ({"passes"}, 3) == (outcomes, asked)
