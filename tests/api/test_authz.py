"""`/authz`: what gateways are answered, whatever they send, and what they must never be."""

import re

import pytest
from msgspec.structs import replace

from api.profiles import Profile
from revocation.record import Scope, State, Subject, digester
from revocation.redis import RedisRegistry, connect
from tests.api.gates import AMBIGUOUS, INVALID, MISSING, PROFILES, SIGNER, STRANGER, ask, said, token
from tests.api.running import ISSUER, KEY, NOW, NOWHERE, Running, entry, running
from tests.api.test_metrics import samples
from tests.api.verifying import SECOND, payload, trusted
from tests.servers.issuer import Issuer, issuing


def test_a_good_token_passes(gate: Running) -> None:
    """The gateway learns whose token it is, how far the registry was followed, and that it must ask again."""
    answer = ask(gate, token())

    assert (200, "active", []) == said(answer)
    assert ("ann", str(gate.seq), "no-store", b"") == (
        *(answer.headers[name] for name in ("x-token-subject", "x-revocation-seq", "cache-control")),
        answer.content,
    )


def test_a_token_passes_until_its_session_is_revoked(gate: Running) -> None:
    """A token that is remembered as verified is refused as soon as the replica knows better."""
    before = said(ask(gate, token("stolen")))
    gate.refuse(entry("stolen"))

    assert ((200, "active", []), (401, "revoked", [INVALID])) == (before, said(ask(gate, token("stolen"))))


def test_a_quarantine_asks_for_a_later_login_and_ends_with_it(gate: Running) -> None:
    """401 with RFC 9470's challenge; a login of the quarantine's own second does not pass, one of the next does."""
    quarantine = entry("doubtful", state=State.QUARANTINED)
    gate.refuse(quarantine)
    status, state, (challenge,) = said(ask(gate, token("doubtful", auth_time=SECOND - 60)))
    found = re.fullmatch(
        r'Bearer realm="tokenward", error="insufficient_user_authentication", '
        r'error_description="More recent authentication is required", max_age="(\d+)"',
        challenge,
    )
    assert found is not None
    logins = [said(ask(gate, token("doubtful", auth_time=SECOND + later))) for later in (0, 1)]

    assert (401, "quarantined", "0") == (status, state, found[1])
    assert [401, 200] == [status for status, *_ in logins]


def test_the_age_that_a_login_may_have_is_counted_from_the_quarantine() -> None:
    """A minute after the quarantine a login of the last 58 seconds does."""
    with issuing(SIGNER) as idp, running(issuers=[trusted(idp.uri)], check_clock=lambda: NOW + 60_000) as api:
        api.refuse(entry("s1", state=State.QUARANTINED))
        challenge = ask(api, token("s1")).headers["www-authenticate"]

        assert challenge.endswith('max_age="59"')
        assert 200 == ask(api, token("s1", auth_time=SECOND + 60 - 59)).status_code


@pytest.mark.parametrize(
    ("scope", "claims"),
    [
        (Scope.TOKEN, {"jti": "x"}),
        (Scope.SUBJECT, {"sub": "x"}),
        (Scope.CLIENT, {"azp": "x"}),
        (Scope.DEVICE, {"device_id": "x"}),
    ],
)
def test_every_identity_of_a_token_is_looked_up(gate: Running, scope: Scope, claims: dict[str, object]) -> None:
    """An entry about the token, its owner, its client or its device refuses it."""
    gate.refuse(entry("x", scope))

    assert (401, "revoked", [INVALID]) == said(ask(gate, token(**claims)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], (401, MISSING)),
        ([("Authorization", "Bearer {}")], (200, None)),
        ([("authorization", "bEARER  {}")], (200, None)),
        ([("Authorization", "DPoP {}")], (200, None)),
        ([("Authorization", "Basic eDp5")], (401, MISSING)),
        ([("Authorization", "{}")], (401, MISSING)),
        ([("Authorization", "Bearer")], (401, AMBIGUOUS)),
        ([("Authorization", "Bearer {}"), ("Authorization", "Bearer {}")], (401, AMBIGUOUS)),
        ([("Authorization", "Basic eDp5"), ("Authorization", "Bearer {}")], (401, AMBIGUOUS)),
        ([("Authorization", "Bearer {}, Bearer {}")], (401, AMBIGUOUS)),
        ([("Authorization", "Bearer {} x")], (401, AMBIGUOUS)),
        ([("Cookie", "access={}")], (401, MISSING)),
        ([("X-Token", "{}")], (401, MISSING)),
    ],
)
def test_one_token_in_one_authorization_line(
    gate: Running, headers: list[tuple[str, str]], expected: tuple[int, str | None]
) -> None:
    """A bearer is taken whatever the scheme's letters; several, or none behind the scheme, are never chosen from."""
    good = token()
    answer = gate.http.get("/authz", headers=[(name, value.replace("{}", good)) for name, value in headers])

    assert expected == (answer.status_code, answer.headers.get("www-authenticate"))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("Cookie", "a=b; access={}; c=d")], 200),
        ([("Cookie", 'access="{}"')], 200),
        ([("Cookie", "a=b"), ("Cookie", "access={}")], 200),
        ([("Cookie", "access={}"), ("Authorization", "Bearer {}")], 200),
        ([("Cookie", "access={}"), ("Authorization", "Basic eDp5")], 200),
        ([("Cookie", "access="), ("Authorization", "Bearer {}")], 200),
        ([("Cookie", "access={}; access={}")], 200),
        ([("Cookie", "access={}; access=x")], 401),
        ([("Cookie", "access=x"), ("Authorization", "Bearer {}")], 401),
        ([("Cookie", "access=")], 401),
        ([("Cookie", "Access={}")], 401),
        ([("Cookie", "xaccess={}")], 401),
    ],
)
def test_a_profile_may_take_the_token_from_a_cookie(gate: Running, headers: list[tuple[str, str]], status: int) -> None:
    """Where no bearer is in Authorization; a cookie that says otherwise than the bearer is refused with it."""
    good = token()
    answer = gate.http.get("/authz:web", headers=[(name, value.replace("{}", good)) for name, value in headers])

    assert status == answer.status_code
    assert answer.headers.get("www-authenticate", 'Bearer realm="the shop"').startswith('Bearer realm="the shop"')


def test_a_bound_token_does_not_pass_as_a_bearer(gate: Running) -> None:
    """RFC 9449, section 7.2: whoever copied it has not the key; both challenges are told, each on its line."""
    bound = token(cnf={"jkt": "thumbprint"})
    status, state, challenges = said(ask(gate, bound))
    proven = gate.http.get("/authz", headers={"authorization": f"DPoP {bound}"})

    assert (401, "invalid", INVALID, 2) == (status, state, challenges[0], len(challenges))
    assert challenges[1].startswith('DPoP realm="tokenward", algs="')
    assert (200, 200) == (proven.status_code, ask(gate, bound, "/authz:read").status_code)


def test_a_dpop_token_is_refused_in_its_own_scheme(gate: Running) -> None:
    """A client that speaks DPoP is challenged so, with the algorithms that proofs may have."""
    answer = gate.http.get("/authz", headers={"authorization": f"DPoP {STRANGER.sign(payload())}"})

    assert answer.headers["www-authenticate"].startswith('DPoP realm="tokenward", error="invalid_token"')


def test_a_gateway_that_verifies_itself_is_believed(gate: Running) -> None:
    """With `verify = false` no signature is looked at, but the registry is; what was only read is not verified."""
    gate.refuse(entry("known"))
    foreign, known = STRANGER.sign(payload(sid="any")), STRANGER.sign(payload(sid="known"))
    answers = [ask(gate, one, path) for one in (foreign, known) for path in ("/authz:read", "/authz", "/authz:read")]

    assert ["active", "invalid", "active", "revoked", "invalid", "revoked"] == [
        answer.headers["x-token-status"] for answer in answers
    ]


@pytest.mark.parametrize("path", ["/authz:public", "/authz:public/shop"])
def test_a_public_route_lets_strangers_pass(gate: Running, path: str) -> None:
    """Without a token anybody passes, and nobody is named; a bad token is refused all the same."""
    answers = [ask(gate, None, path), ask(gate, "nonsense", path)]

    assert [(200, "missing", ""), (401, "invalid", "")] == [
        (answer.status_code, answer.headers["x-token-status"], answer.headers["x-token-subject"]) for answer in answers
    ]


def origin(address: str) -> Subject:
    """Whom an entry about an address is about."""
    return Subject(Scope.ORIGIN, digester(KEY, Scope.ORIGIN, "")(address))


@pytest.mark.parametrize(
    ("header", "state", "with_token", "without"),
    [
        ("203.0.113.7", State.REVOKED, 401, 401),
        ("::ffff:203.0.113.7", State.REVOKED, 401, 401),
        ("203.0.113.7", State.QUARANTINED, 401, 200),
        ("203.0.113.8", State.REVOKED, 200, 200),
        ("203.0.113.7, 10.0.0.1", State.REVOKED, 200, 200),
        ("nonsense", State.REVOKED, 200, 200),
    ],
)
def test_an_address_counts_where_the_gateway_tells_it(header: str, state: State, with_token: int, without: int) -> None:
    """In the profile's header only, in any spelling; a quarantined address may still go and sign in."""
    with issuing(SIGNER) as idp, running(issuers=[trusted(idp.uri)], profiles=PROFILES) as api:
        condemned = entry("x", state=state)
        api.registry.apply([replace(condemned, subject=origin("203.0.113.7"))], NOW)
        api.refuse(entry("other"))
        answers = [ask(api, one, "/authz:public", x_real_ip=header) for one in (token(), None)]
        elsewhere = ask(api, token(), "/authz", x_real_ip=header)

    assert ([with_token, without], 200) == ([answer.status_code for answer in answers], elsewhere.status_code)


def test_a_gateway_may_remember_what_passed(gate: Running) -> None:
    """`cache_s` says how long, never past the token's end, and on what the answer depends; refusals are not kept."""
    gate.refuse(entry("kept"))
    tokens = [token(), token(exp=SECOND - 20), token("kept"), None]
    answers = [ask(gate, one, "/authz:cached") for one in tokens]

    assert ["max-age=30", "max-age=10", "no-store", "no-store"] == [each.headers["cache-control"] for each in answers]
    assert "authorization, cookie" == answers[0].headers["vary"]


STALE: dict[str, tuple[Profile, list[tuple[int, str]]]] = {
    "closed": (Profile(), [(401, "revoked"), (403, "stale"), (401, "missing"), (401, "invalid")]),
    "open": (Profile(when_stale="open"), [(401, "revoked"), (200, "stale"), (401, "missing"), (401, "invalid")]),
    "closed and public": (
        Profile(anonymous="allow"),
        [(401, "revoked"), (403, "stale"), (403, "stale"), (401, "invalid")],
    ),
}


@pytest.mark.parametrize("case", STALE)
def test_stale_knowledge_never_lets_a_known_bad_token_pass(case: str) -> None:
    """When the registry was not heard of for too long, known-bad stays refused; the rest is the profile's choice."""
    profile, expected = STALE[case]
    moments = [NOW]
    with (
        issuing(SIGNER) as idp,
        running(issuers=[trusted(idp.uri)], profiles={"default": profile}, check_clock=lambda: moments[-1]) as api,
    ):
        api.refuse(entry("stolen"))
        tokens = [token("stolen"), token(), None, "nonsense"]
        fresh = [ask(api, one).status_code for one in tokens]
        moments.append(NOW + 61_000)
        answers = [ask(api, one) for one in tokens]

    assert [401, 200] == fresh[:2]
    assert expected == [(answer.status_code, answer.headers["x-token-status"]) for answer in answers]


@pytest.mark.parametrize(("when_stale", "expected"), [("closed", 403), ("open", 200)])
def test_before_the_first_snapshot_everything_is_stale(issuer: Issuer, when_stale: str, expected: int) -> None:
    """An API that knows nothing yet does what the profile says for that, and names no change that it knew."""
    profiles = {"default": Profile(when_stale=when_stale)}  # type: ignore[arg-type]
    with (
        connect(NOWHERE) as client,
        running(RedisRegistry(client), ready=False, issuers=[trusted(issuer.uri)], profiles=profiles) as api,
    ):
        answer = ask(api, token())

    assert (expected, "stale", "0") == (
        answer.status_code,
        answer.headers["x-token-status"],
        answer.headers["x-revocation-seq"],
    )


def test_a_token_that_cannot_be_verified_is_no_fault_of_its_owner() -> None:
    """An issuer whose keys were never had: 403, even where stale knowledge lets pass; another token would not help."""
    with (
        issuing() as idp,
        running(issuers=[trusted(idp.uri, jwks_wait_s=0.1)], profiles={"default": Profile(when_stale="open")}) as api,
    ):
        answer = ask(api, token())

        assert (403, "unverifiable", []) == said(answer)
        assert 1 == samples(api)["tokenward_token_refused_total", "keys_unavailable"]


@pytest.mark.parametrize(
    ("sub", "header"),
    [
        ("auth0|5f7c", "auth0|5f7c"),
        ("ann@example.com", "ann@example.com"),
        ("änn", "%C3%A4nn"),
        ("a\r\nx-token-status: active", "a%0D%0Ax-token-status:%20active"),
        ("a,b;c\"d'", "a%2Cb%3Bc%22d'"),
        ("100%", "100%25"),
        ("\x00", "%00"),
        ("\U0001f600", "%F0%9F%98%80"),
        ("x" * 256, ""),
        (7, ""),
        (None, ""),
    ],
)
def test_a_subject_is_told_safely(gate: Running, sub: object, header: str) -> None:
    """Whatever a `sub` holds, it is one line of visible ASCII; what is no subject is told as nobody."""
    answer = ask(gate, token(sub=sub))

    assert (200, header) == (answer.status_code, answer.headers["x-token-subject"])


def test_what_fails_within_is_a_403() -> None:
    """A gateway gets its answer, the failure is counted, and nothing of the token is logged."""

    def broken() -> int:
        raise OSError("The clock is lost.")

    with running(check_clock=broken) as api:
        answer = api.http.get("/authz", headers={"authorization": f"Bearer {token()}"})

    assert (403, "unverifiable", []) == said(answer)


def test_nothing_of_a_token_is_logged(gate: Running, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a good nor a bad one, whole or in part."""
    with caplog.at_level("DEBUG"):
        for presented in (token(), STRANGER.sign(payload()), "secret-nonsense"):
            ask(gate, presented)

    assert [] == [record for record in caplog.records if re.search(r"eyJ|secret", record.getMessage())]


def test_answers_and_refusals_are_counted() -> None:
    """By profile and status, by reason, by route; and how many tokens and keys are known."""
    with issuing(SIGNER) as idp, running(issuers=[trusted(idp.uri)], profiles=PROFILES) as api:
        good = token()
        for presented in (good, good, STRANGER.sign(payload()), None):
            ask(api, presented)
        ask(api, "x", "/authz:read")
        ask(api, None, "/authz:nobody")
        seen = {
            key: value for key, value in samples(api).items() if re.search("authz|token_|tokens_|jwks", " ".join(key))
        }

    assert {
        ("tokenward_authz_total", "default", "active"): 2,
        ("tokenward_authz_total", "default", "invalid"): 1,
        ("tokenward_authz_total", "default", "missing"): 1,
        ("tokenward_authz_total", "read", "invalid"): 1,
        ("tokenward_authz_total", "(unknown)", "unverifiable"): 1,
        ("tokenward_token_refused_total", "signature"): 1,
        ("tokenward_token_refused_total", "malformed"): 1,
        ("tokenward_tokens_remembered",): 1,
        ("tokenward_jwks_fetches_total", ISSUER, "ok"): 1,
        ("tokenward_jwks_age_seconds", ISSUER): 0,
        ("tokenward_jwks_keys", ISSUER): 1,
        ("tokenward_http_requests_total", "/authz", "200"): 2,
        ("tokenward_http_requests_total", "/authz", "401"): 3,
        ("tokenward_http_requests_total", "/authz", "403"): 1,
    } == seen
