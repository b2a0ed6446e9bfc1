"""The gate: what it answers, what it counts and tells, and how often it is asked."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from api.access.access import OPEN_ACCESS, Access
from api.access.principal import Principal
from api.access.rules import Rule
from tests.api.access.calling import (
    ACCESS,
    AUDIENCE,
    CALLERS,
    OPERATORS,
    STRANGE,
    TENANT,
    Protected,
    bearer,
    caller,
    hashed,
    key_of,
    operators_token,
    token,
)
from tests.api.running import ISSUER, NOW, TYPE, Running, entry, running
from tests.api.verifying import payload
from tests.servers.process import until

PLAIN = 'Bearer realm="tokenward"'
FEW = Access(callers=(*CALLERS, caller("other", "read")), requests=2, failures=2, window_s=60)
READS = "/v1/revocations/entries"


class Trail:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str | None, str, str]] = []

    def __call__(self, principal: Principal | None, rule: Rule, reason: str) -> None:
        """One refused attempt."""
        self.told.append((None if principal is None else principal.name, rule.path, reason))


@pytest.fixture
def trail() -> Trail:
    """A trail of the test's own."""
    return Trail()


@pytest.fixture
def few(trail: Trail) -> Iterator[Running]:
    """An API that is asked twice a minute at most, and takes two wrong keys."""
    with running(access=FEW, on_refused=trail) as api:
        yield api


def shown(name: str) -> dict[str, str]:
    """The header with somebody's key."""
    return {"X-Api-Key": key_of(name)}


@pytest.mark.parametrize(
    ("headers", "status", "challenge", "slug"),
    [
        ({}, 401, PLAIN, "unauthenticated"),
        (shown("wrong"), 401, PLAIN, "unauthenticated"),
        ({"X-Api-Key": "short"}, 401, PLAIN, "unauthenticated"),
        ({"Authorization": "Basic !"}, 401, PLAIN.replace("Bearer", "Basic"), "unauthenticated"),
        ({"Authorization": "DPoP abc"}, 401, PLAIN, "unauthenticated"),
        (
            bearer(token(exp=1)),
            401,
            f'{PLAIN}, error="invalid_token", error_description="The access token is no longer valid"',
            "unauthenticated",
        ),
        (shown("only-check"), 403, None, "forbidden"),
    ],
)
def test_a_refusal_says_no_more(
    guarded: Protected, headers: Mapping[str, str], status: int, challenge: str | None, slug: str
) -> None:
    """Whichever credential is wrong, and in whichever way, the answer is the same constant problem."""
    answer = guarded.plain.get("/readyz", headers=headers)

    assert (status, challenge, TYPE + slug, "no-store") == (
        answer.status_code,
        answer.headers.get("www-authenticate"),
        answer.json()["type"],
        answer.headers["cache-control"],
    )


REFUSED = {
    "of another audience": TENANT.sign(payload(aud="shop", scope="tokenward.read")),
    "of no audience": TENANT.sign(payload(scope="tokenward.read")),
    "bound by DPoP": token(cnf={"jkt": "x"}),
    "bound to a certificate": token(cnf={"x5t#S256": "x"}),
    "ended": token(exp=NOW // 1000 - 60),
    "of a security event": TENANT.sign(payload(aud=AUDIENCE, scope="tokenward.read"), {"typ": "secevent+jwt"}),
    "of a stranger": TENANT.sign(payload(iss=STRANGE, aud=AUDIENCE, scope="tokenward.read")),
    "of another issuer's key": TENANT.sign(payload(iss=OPERATORS, aud=AUDIENCE, scope="tokenward.read")),
    "of nobody": token(sub=None),
    "of a name too long": token(sub="s" * 256),
}


@pytest.mark.parametrize("shown_token", REFUSED.values(), ids=list(REFUSED))
def test_a_token_that_is_no_credential(guarded: Protected, shown_token: str) -> None:
    """A token is one for us, in time, unbound, of its own issuer's key, and somebody's; else it shows nobody."""
    assert 401 == guarded.plain.get("/readyz", headers=bearer(shown_token)).status_code


def test_a_revoked_operator_is_refused(guarded: Protected) -> None:
    """An operator's stolen session loses its rights with its entry, though its token was remembered."""
    headers = bearer(token(sid="stolen"))
    before = guarded.plain.get("/readyz", headers=headers).status_code
    guarded.api.refuse(entry("stolen"))

    assert (200, 401) == (before, guarded.plain.get("/readyz", headers=headers).status_code)


def test_a_tenants_issuer_cannot_give_away_others(guarded: Protected) -> None:
    """`everywhere` and tenants in the token of an issuer that is no operators' change nothing."""
    widened = token("tokenward.read tokenward.everywhere", tenants=["other"])
    genuine = operators_token("tokenward.read", tenants=["other", "nowhere", 7])
    asked = {"iss": STRANGE, "sid": "s1"}
    answers = [guarded.plain.get(READS, params=asked, headers=bearer(one)).status_code for one in (widened, genuine)]

    assert [403, 200] == answers


def test_a_key_is_shown_in_any_of_three_ways(guarded: Protected) -> None:
    """`X-Api-Key`, Bearer, and a name with a password are one; another's name beside the key is none."""
    key = key_of("only-read")
    answers = [
        guarded.plain.get("/readyz", headers={"X-Api-Key": key}),
        guarded.plain.get("/readyz", headers=bearer(key)),
        guarded.plain.get("/readyz", auth=("only-read", key)),
        guarded.plain.get("/readyz", auth=("all", key)),
    ]

    assert [200, 200, 200, 401] == [answer.status_code for answer in answers]


def test_a_key_is_replaced_without_a_gap() -> None:
    """Old and new are good together; the old one ends at its moment, remembered or not, and the new one stays."""
    now = [NOW]
    both = caller("edge", "read", until=NOW + 1000)
    access = Access(callers=(replace(both, keys=(*both.keys, hashed("new"))),))
    with running(access=access, check_clock=lambda: now[0]) as api:
        before = [api.http.get("/readyz", headers=shown(name)).status_code for name in ("edge", "new")]
        now[0] += 1000
        after = [api.http.get("/readyz", headers=shown(name)).status_code for name in ("edge", "new")]

    assert ([200, 200], [401, 200]) == (before, after)


def test_a_caller_is_told_what_is_left(few: Running) -> None:
    """Each answer says how many requests are left, the one too many when to come again; others are not hit by it."""
    answers = [few.http.get(READS, headers=shown(name)) for name in ("all", "all", "all", "other")]

    assert [(200, "1", None), (200, "0", None), (429, "0", "30"), (200, "1", None)] == [
        (
            answer.status_code,
            answer.headers["ratelimit"].partition(";r=")[2].partition(";")[0],
            answer.headers.get("retry-after"),
        )
        for answer in answers
    ]
    assert '"caller";q=2;w=60' == answers[2].headers["ratelimit-policy"]
    assert f"{TYPE}rate_limited" == answers[2].json()["type"]


def test_checks_are_not_limited(few: Running) -> None:
    """A gateway asks as often as it has requests."""
    answers = [few.http.post("/v1/check", json={}, headers=shown("all")).status_code for _ in range(9)]

    assert [200] * 9 == answers


def test_pushed_events_are_limited_by_address(trail: Trail) -> None:
    """A signature has to be verified to know its sender: too many are told to come again, a known key or not."""
    now = [NOW]
    with running(access=replace(FEW, events=3), on_refused=trail, check_clock=lambda: now[0]) as api:
        sent = {"content": b"x", "headers": {"Content-Type": "application/secevent+jwt"}}
        known = {**sent, "headers": {**sent["headers"], **shown("all")}}  # type: ignore[dict-item]
        api.http.get("/readyz", headers=shown("all"))
        answers = [api.http.post("/v1/ssf/events", **some) for some in (sent, known, sent, sent, known)]  # type: ignore[arg-type]
        others = api.http.get(READS, headers=shown("all")).status_code
        now[0] += 20_000
        again = api.http.post("/v1/ssf/events", **sent)  # type: ignore[arg-type]
        until(lambda: bool(trail.told), "the trail is told", seconds=5)

    assert [400, 400, 400, 429, 429] == [answer.status_code for answer in answers]
    assert ('"address";q=3;w=60', "20") == (answers[3].headers["ratelimit-policy"], answers[3].headers["retry-after"])
    assert (200, 400) == (others, again.status_code)
    assert (None, "/v1/ssf/events", "rate_limited") == trail.told[0]


def test_guessing_ends_and_locks_nobody_out(few: Running) -> None:
    """After two wrong keys no unknown one is looked at, not even a good one; whoever was known goes on."""
    few.http.get("/readyz", headers=shown("all"))
    guesses = [few.http.get("/readyz", headers=shown(f"guess-{number}")).status_code for number in range(4)]
    known, unknown = (few.http.get("/readyz", headers=shown(name)).status_code for name in ("all", "other"))

    assert ([401, 401, 429, 429], 200, 429) == (guesses, known, unknown)


def test_refused_attempts_are_told(trail: Trail) -> None:
    """The trail hears who tried what, as far as it is known, of the gate's refusals and of the route's."""
    with running(access=ACCESS, on_refused=trail) as api:
        api.http.get("/readyz")
        api.http.get("/readyz", headers=shown("wrong"))
        api.http.get("/readyz", headers=shown("only-check"))
        api.http.get(READS, headers=shown("confined"))
        until(lambda: len(trail.told) == 4, "all are told", seconds=5)

    assert [
        (None, "/readyz", "missing"),
        (None, "/readyz", "key_unknown"),
        ("only-check", "/readyz", "forbidden"),
        ("confined", READS, "forbidden"),
    ] == trail.told


def test_a_trail_that_fails_changes_no_answer() -> None:
    """What cannot be told is counted, and the next attempt is answered as before."""

    def broken(_: Principal | None, __: Rule, ___: str) -> None:
        raise OSError

    with running(access=ACCESS, on_refused=broken) as api:
        answers = [api.http.get("/readyz").status_code for _ in range(2)]
        headers = shown("all")
        until(lambda: "untold_total 2.0" in api.http.get("/metrics", headers=headers).text, "it is counted", seconds=5)

    assert [401, 401] == answers


def test_a_flood_does_not_fill_the_trail(few: Running, trail: Trail) -> None:
    """Of one address's attempts as many are told as its limit allows; the metric counts all."""
    for _ in range(9):
        few.http.get("/readyz")
    text = few.http.get("/metrics", headers=shown("all")).text
    until(lambda: len(trail.told) >= 2, "the first are told", seconds=5)

    assert (2, True) == (len(trail.told), 'tokenward_access_refused_total{reason="missing"} 9.0' in text)


def test_open_is_open() -> None:
    """In open mode nobody is asked, and nothing is limited."""
    with running(access=OPEN_ACCESS) as api:
        answers = {api.http.get(path).status_code for path in ("/readyz", READS, "/metrics", "/v1/revocations")}

    assert {200} == answers


def test_the_default_lets_nobody_in() -> None:
    """Access without any caller is closed, but for whether the process answers."""
    with running(access=Access(), issuers=[]) as api:
        answers = [
            api.http.get(path, headers=headers).status_code
            for path in ("/healthz", "/readyz")
            for headers in ({}, shown("all"), bearer(token(iss=ISSUER)))
        ]

    assert [200, 200, 200, 401, 401, 401] == answers
