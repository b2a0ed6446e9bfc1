"""The check path: what gateways are answered, and what is refused."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revocation.record import Scope, State
from revocation.redis import RedisRegistry, connect
from tests.api.running import HOUR, ISSUER, NOW, NOWHERE, TYPE, Running, entry, running
from tests.servers.process import until

DENIED = {
    "decision": "deny",
    "state": "revoked",
    "scope": "family",
    "reason": "reuse.theft_confirmed",
    "until": NOW + HOUR,
}
ALLOWED = {"decision": "allow", "state": "active"}

#: Whatever JSON there is, and what looks like claims but is not.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["iss", "tokens", "iat"]), inner),
    max_leaves=20,
)
CLAIMS = st.fixed_dictionaries(
    {},
    optional={name: st.text() for name in ("iss", "sub", "sid", "jti", "client_id", "device", "kid", "ip")}
    | {name: st.integers() | st.floats() for name in ("iat", "auth_time")},
)
BODIES = st.binary(max_size=300) | (JSON | CLAIMS | st.lists(CLAIMS)).map(json.dumps).map(str.encode)


def test_a_token_passes_until_its_family_is_revoked(api: Running) -> None:
    """The same question is answered allow before, and deny once the replica has followed."""
    before = api.check(sid="revoked")
    api.refuse(entry("revoked"))

    assert (ALLOWED, DENIED) == (before, api.check(sid="revoked"))


def test_a_quarantine_asks_to_sign_in_again(api: Running) -> None:
    """A quarantined session gets step_up, and passes with a later sign-in."""
    api.refuse(entry("doubtful", state=State.QUARANTINED))
    answers = [api.check(sid="doubtful"), api.check(sid="doubtful", auth_time=NOW // 1000 + 60)]

    quarantined = DENIED | {"decision": "step_up", "state": "quarantined", "auth_after": NOW}
    assert [quarantined, ALLOWED] == answers


@pytest.mark.parametrize(
    ("scope", "claim"),
    [
        (Scope.TOKEN, "jti"),
        (Scope.FAMILY, "sid"),
        (Scope.SUBJECT, "sub"),
        (Scope.CLIENT, "client_id"),
        (Scope.DEVICE, "device"),
        (Scope.KEY, "kid"),
    ],
)
def test_every_identity_is_looked_up(api: Running, scope: Scope, claim: str) -> None:
    """An entry of each scope refuses the token that carries its identity, and names the scope."""
    api.refuse(entry("x", scope))

    assert DENIED | {"scope": scope.value} == api.check(**{claim: "x"})


def test_an_answer_says_how_fresh_it_is(fresh: Running) -> None:
    """The registry's epoch, sequence number and age stand in each answer."""
    fresh.refuse(entry("s1"), entry("s2"))
    answer = fresh.http.post("/v1/check", json={})

    assert {
        "decision": "allow",
        "state": "unknown",
        "registry": {"epoch": "e1", "seq": 2, "age_ms": 0},
    } == answer.json()


def test_an_answer_is_not_stored(api: Running) -> None:
    """No cache keeps an answer, as a POST's is kept only if it says for how long, or a refusal."""
    answers = [api.http.post("/v1/check", json={}), api.http.post("/v1/check/batch", json=[])]

    assert {"content-type", "content-length", "date"} == {name for answer in answers for name in answer.headers}
    assert "no-store" == api.http.get("/v1/check").headers["cache-control"]


def test_claims_that_nobody_looks_up_do_not_disturb(api: Running) -> None:
    """A gateway may send all of its token's claims."""
    assert ALLOWED == api.check(sid="s1", aud=["a", "b"], exp=NOW // 1000, scope="openid", cnf={"jkt": "x"})


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_batch_is_answered_in_order(api: Running, *, wrapped: bool) -> None:
    """One answer a token, in the order of the question, as an array or as an object."""
    api.refuse(entry("b3"))
    tokens = [{"iss": ISSUER, "sid": f"b{number}"} for number in range(600)]
    answer = api.http.post("/v1/check/batch", json={"tokens": tokens} if wrapped else tokens)

    assert [DENIED if number == 3 else ALLOWED for number in range(600)] == answer.json()["answers"]
    assert {"epoch": "e1", "seq": api.seq, "age_ms": 0} == answer.json()["registry"]


def test_a_batch_of_ten_thousand_is_answered(api: Running) -> None:
    """The largest batch gets all of its answers."""
    answer = api.http.post("/v1/check/batch", json=[{"iss": ISSUER, "sid": "s1"}] * 10_000)

    assert [ALLOWED] * 10_000 == answer.json()["answers"]


def test_a_batch_of_more_is_too_large(api: Running) -> None:
    """One token too many, or very many, are refused as a whole."""
    answers = [api.http.post("/v1/check/batch", json=[{}] * count) for count in (10_001, 1_000_000)]

    assert [413, 413] == [answer.status_code for answer in answers]


@pytest.mark.parametrize("path", ["/v1/check", "/v1/check/batch"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"null",
        b"3",
        b'"text"',
        b'{"iss":',
        b'{"iss":3}',
        b'{"tokens":{}}'[:-1],
        b'[{"iss":"secret-value","iat":"secret-value"}]',
        b'{"tokens":[{"sub":["secret-value"]}]} ]',
        b"\xff\xfe",
        b'{"iss":"\\ud800"}',
        b"[" * 9000,
        b'{"x":' * 2500,
    ],
)
def test_what_is_not_a_question_is_a_bad_request(api: Running, path: str, body: bytes) -> None:
    """Wrong JSON and wrong types are refused, and nothing of the body is repeated."""
    answer = api.http.post(path, content=body, headers={"content-type": "application/json"})

    assert (400, "application/problem+json", TYPE + "bad_request", False) == (
        answer.status_code,
        answer.headers["content-type"],
        answer.json()["type"],
        "secret-value" in answer.text,
    )


def test_a_wrong_member_is_named(api: Running) -> None:
    """Who asks wrongly learns where, by names that stand in the documents."""
    answer = api.http.post("/v1/check/batch", json={"tokens": [{}, {"iat": "x"}]})

    assert [{"detail": "Not a valid value.", "member": "$.tokens[1].iat"}] == answer.json()["errors"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/v1/check", "/v1/check/batch"])
def test_only_post_asks(api: Running, method: str, path: str) -> None:
    """Another method is told which one is meant."""
    answer = api.http.request(method, path)

    assert (405, "POST") == (answer.status_code, answer.headers["allow"])


@pytest.mark.parametrize(
    ("media_type", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("application/jwt-claims+json", 200),
        (None, 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/jsonp", 415),
        ("", 415),
    ],
)
def test_only_json_is_read(api: Running, media_type: str | None, status: int) -> None:
    """A body that says it is something else is refused; one that says nothing is taken as JSON."""
    headers = {} if media_type is None else {"content-type": media_type}

    assert status == api.http.post("/v1/check", content=b"{}", headers=headers).status_code


@pytest.mark.parametrize(("path", "limit"), [("/v1/check", 16 * 1024), ("/v1/check/batch", 8 * 1024 * 1024)])
def test_a_body_may_be_as_large_as_the_limit(api: Running, path: str, limit: int) -> None:
    """The limit itself is allowed, one byte more is not."""
    wrap = b'{"tokens":[],"x":"%b"}' if path.endswith("batch") else b'{"x":"%b"}'
    bodies = [wrap % (b"x" * (limit - len(wrap) + 2 + more)) for more in (0, 1)]
    answers = [api.http.post(path, content=body) for body in bodies]

    assert [200, 413] == [answer.status_code for answer in answers]


def test_an_announced_body_is_refused_before_it_comes(api: Running) -> None:
    """A length beyond the limit is enough to be refused; however many digits it has."""
    heads = [
        b"POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Length: %b\r\n\r\n" % length
        for length in (b"16385", b"1" + b"0" * 15)
    ]
    answers = [api.exchange(head) for head in heads]

    assert [b"HTTP/1.1 413"] * 2 == [answer[:12] for answer in answers]


def test_a_body_in_chunks_is_refused_once_it_is_too_large(api: Running) -> None:
    """A body without a length is counted as it comes, and not waited for."""
    head = b"POST /v1/check HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

    assert b"HTTP/1.1 413" == api.exchange(head, b"1000\r\n" + b" " * 4096 + b"\r\n", b"4001\r\n" + b" " * 16385)[:12]


def test_a_body_may_come_in_pieces(api: Running) -> None:
    """A question that arrives byte by byte gets the answer that it gets at once."""
    api.refuse(entry("piecemeal"))
    body = json.dumps({"iss": ISSUER, "sid": "piecemeal"}).encode()
    head = b"POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    answer = api.exchange(*(bytes([byte]) for byte in head + body))

    assert DENIED.items() <= json.loads(answer.partition(b"\r\n\r\n")[2]).items()


def test_an_expected_body_is_asked_for(api: Running) -> None:
    """`Expect: 100-continue` is answered for a body that may come, and refused for one that may not."""
    head = b"POST /v1/check HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    accepted = api.exchange(head % 2, b"{}", responses=2)
    refused = api.exchange(head % 99_999)

    assert (b"HTTP/1.1 100", True, b"HTTP/1.1 413") == (accepted[:12], b"HTTP/1.1 200" in accepted, refused[:12])


def test_one_connection_carries_many_questions(api: Running) -> None:
    """Questions that are sent without waiting are answered in order; a refused one does not end the connection."""
    ask = b"POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b"
    bodies = [b"{}", b"[]", b'{"ip":"203.0.113.7"}', b"x" * 20_000, b"{}"]
    answers = api.exchange(b"".join(ask % (len(body), body) for body in bodies), responses=5)

    assert [b"200", b"400", b"200", b"413", b"200"] == [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]]


def test_nobody_is_answered_before_the_first_snapshot() -> None:
    """Without a snapshot nothing is known, and that is what is said; malformed or not."""
    with connect(NOWHERE) as client, running(RedisRegistry(client), ready=False) as api:
        answers = [
            api.http.post(path, content=body) for path in ("/v1/check", "/v1/check/batch") for body in (b"{}", b"")
        ]

    assert [(503, "1", TYPE + "not_ready")] * 4 == [
        (answer.status_code, answer.headers["retry-after"], answer.json()["type"]) for answer in answers
    ]


def test_a_failure_is_a_problem_too() -> None:
    """What nobody foresaw is answered as a problem that tells nothing, and counted."""

    def broken() -> int:
        raise OSError("The clock is lost.")

    with running(ready=True, check_clock=broken) as api:
        answer = api.http.post("/v1/check", json={})

    assert (500, TYPE + "internal_error", False) == (answer.status_code, answer.json()["type"], "clock" in answer.text)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=st.sampled_from(["/v1/check", "/v1/check/batch"]), body=BODIES)
def test_whatever_is_sent_is_answered(fresh: Running, path: str, body: bytes) -> None:
    """Any body gets an answer or a bad request, never a failure of the server."""
    fresh.refuse(*(entry("", scope) for scope in (Scope.SUBJECT, Scope.ISSUER, Scope.FAMILY)))

    assert fresh.http.post(path, content=body).status_code in {200, 400}


@pytest.mark.redis
def test_a_decision_in_redis_refuses_at_the_gateway(redis_url: str) -> None:
    """What one process applies to Redis, another's check denies; a release lets pass again."""
    with connect(redis_url) as client, connect(redis_url) as writer, running(RedisRegistry(client)) as api:
        registry = RedisRegistry(writer)
        before = api.check(sid="s1")
        registry.apply([entry("s1")], NOW)
        until(lambda: api.check(sid="s1") == DENIED, "the family is denied", seconds=5)
        registry.release([entry("s1").subject], NOW, "ann")
        until(lambda: api.check(sid="s1") == ALLOWED, "the family passes again", seconds=5)

    assert before == ALLOWED
