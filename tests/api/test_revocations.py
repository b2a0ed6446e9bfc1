"""The list of what is refused."""

import httpx
import pytest

from revocation.record import Scope, State
from revocation.redis import RedisRegistry, connect
from tests.api.running import HOUR, ISSUER, NOW, NOWHERE, TYPE, Running, entry, running
from tests.servers.redis import redis_server

PATH = "/v1/revocations/entries"


def listed(answer: httpx.Response) -> list[str]:
    """The ids of the entries, sorted."""
    return sorted(shown["id"] for shown in answer.raise_for_status().json()["entries"])


@pytest.fixture(scope="module")
def full(api: Running) -> Running:
    """The file's API with three entries that live, and two that do not."""
    api.refuse(
        entry("s1"),
        entry("s2", state=State.QUARANTINED, reasons=("travel.impossible", "cadence.burst")),
        entry("ann", Scope.SUBJECT),
        entry("gone"),
        entry("released"),
    )
    api.registry.release([entry("released").subject], NOW, "ann")
    # A follower's clock stands still, so this one is past its end and not swept yet.
    api.refuse(entry("ended", expires_at=NOW + 1))
    return api


def test_every_live_entry_is_listed(full: Running) -> None:
    """An entry shows all that is known of it but names: its subject by digest only."""
    shown = {one["id"]: one for one in full.http.get(PATH).json()["entries"]}

    assert {
        "id": "family-s2",
        "scope": "family",
        "digest": entry("s2").subject.digest.hex(),
        "state": "quarantined",
        "reasons": ["travel.impossible", "cadence.burst"],
        "decided_at": NOW,
        "expires_at": NOW + HOUR,
    } == shown["family-s2"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"scope": "subject"}, ["subject-ann"]),
        ({"state": "quarantined"}, ["family-s2"]),
        ({"reason": "cadence.burst"}, ["family-s2"]),
        ({"reason": "manual"}, []),
        ({"scope": "subject", "state": "quarantined"}, []),
        ({"iss": ISSUER, "sid": "s1"}, ["family-s1"]),
        ({"iss": ISSUER, "sub": "ann", "sid": "s2", "jti": "none"}, ["family-s2", "subject-ann"]),
        ({"iss": ISSUER, "sub": "ann", "sid": "s2", "scope": "subject"}, ["subject-ann"]),
        ({"iss": "https://another", "sid": "s1"}, []),
        ({"iss": ISSUER, "sid": "released"}, []),
    ],
)
def test_entries_are_found(full: Running, query: dict[str, str], expected: list[str]) -> None:
    """Filters narrow the list, and an identity in the clear finds its own entries."""
    assert expected == listed(full.http.get(PATH, params=query))


def test_pages_together_are_the_whole(full: Running) -> None:
    """Following `next` shows each entry once, and ends."""
    pages = [full.http.get(PATH, params={"limit": 2})]
    while following := pages[-1].json().get("next"):
        pages.append(full.http.get(PATH, params={"limit": 2, "cursor": following}))

    assert listed(full.http.get(PATH)) == sorted(one for page in pages for one in listed(page))


@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 1001},
        {"limit": "secret-value"},
        {"scope": "secret-value"},
        {"state": "released"},
        {"cursor": "secret-value"},
        {"cursor": "é" * 22},
        {"cursor": "x" * 65},
        {"iss": ISSUER},
        {"sid": "secret-value"},
        {"iss": ISSUER, "sid": ""},
        {"iss": ISSUER, "sid": "secret-value" * 100},
        {"iss": ISSUER, "sid": "secret-value", "cursor": "A" * 22},
    ],
)
def test_a_wrong_query_is_a_bad_request(full: Running, query: dict[str, str]) -> None:
    """What cannot be meant is refused, and not repeated."""
    answer = full.http.get(PATH, params=query)

    assert (400, TYPE + "bad_request", False) == (
        answer.status_code,
        answer.json()["type"],
        "secret-value" in answer.text,
    )


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH"])
def test_nothing_is_written_over_http(full: Running, method: str) -> None:
    """Who may write is not decided yet, so nobody may."""
    answer = full.http.request(method, PATH, json={})

    assert (405, "GET, HEAD") == (answer.status_code, answer.headers["allow"])


def test_the_list_is_not_there_before_the_first_snapshot() -> None:
    """An empty list would say that nobody is refused."""
    with connect(NOWHERE) as client, running(RedisRegistry(client), ready=False) as api:
        answer = api.http.get(PATH)

    assert (503, TYPE + "not_ready") == (answer.status_code, answer.json()["type"])


@pytest.mark.redis
def test_pages_outlive_redis_and_look_ups_say_that_it_is_gone() -> None:
    """Without Redis the replica is still listed; an identity, asked of Redis itself, is answered 503."""
    with redis_server() as server, connect(server.url) as client, running(RedisRegistry(client)) as api:
        api.refuse(entry("s1"))
        server.kill()
        page = api.http.get(PATH)
        found = api.http.get(PATH, params={"iss": ISSUER, "sid": "s1"})

    assert ["family-s1"] == listed(page)
    assert (503, "1", TYPE + "registry_unavailable") == (
        found.status_code,
        found.headers["retry-after"],
        found.json()["type"],
    )
