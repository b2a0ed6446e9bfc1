"""What an answer means, case by case; and whom a request never reaches."""

import json
from ipaddress import ip_network

import pytest

from ingest.outward.outcomes import of_global_revocation, of_push, of_revocation
from ingest.outward.post import Answer, Poster, Unposted
from tests.receiver import receiving, refusal


def error(err: str, member: str = "err") -> bytes:
    """The body of a refusal."""
    return json.dumps({member: err, "description": "?"}).encode()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(202, b""), ("done", "delivered")),
        (Answer(200, b""), ("done", "delivered")),
        (Answer(400, error("invalid_request")), ("dead", "invalid_request")),
        (Answer(400, error("invalid_audience")), ("dead", "invalid_audience")),
        (Answer(400, error("invalid_issuer")), ("dead", "invalid_issuer")),
        (Answer(400, error("invalid_key")), ("hold", "invalid_key")),
        (Answer(400, error("authentication_failed")), ("hold", "authentication_failed")),
        (Answer(400, error("access_denied")), ("hold", "access_denied")),
        (Answer(400, error("jws_signature_failed")), ("dead", "unknown_err")),
        (Answer(400, b"no JSON"), ("dead", "unknown_err")),
        (Answer(400, b"[]"), ("dead", "unknown_err")),
        (Answer(401, b""), ("hold", "status_4xx")),
        (Answer(404, b""), ("dead", "status_4xx")),
        (Answer(429, b""), ("retry", "status_4xx")),
        (Answer(302, b""), ("dead", "status_3xx")),
        (Answer(503, b""), ("retry", "server_error")),
    ],
)
def test_a_receivers_answer(answer: Answer, expected: tuple[str, str]) -> None:
    """RFC 8935, sections 2.2 to 2.4 and 4; a redirect is followed by nobody."""
    assert expected == of_push(answer)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(204, b""), ("done", "delivered")),
        (Answer(200, b""), ("done", "delivered")),
        (Answer(404, b""), ("dead", "unknown_user")),
        (Answer(400, b""), ("dead", "status_4xx")),
        (Answer(422, b""), ("dead", "status_4xx")),
        (Answer(401, b""), ("hold", "status_4xx")),
        (Answer(500, b""), ("retry", "server_error")),
    ],
)
def test_a_global_revocation(answer: Answer, expected: tuple[str, str]) -> None:
    """Any 2xx is done: Auth0 says 200 where the draft says 204."""
    assert expected == of_global_revocation(answer)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(200, b""), ("done", "delivered")),
        (Answer(400, error("unsupported_token_type", "error")), ("dead", "unsupported_token_type")),
        (Answer(400, error("invalid_request", "error")), ("dead", "refused")),
        (Answer(503, b""), ("retry", "server_error")),
    ],
)
def test_a_revocation(answer: Answer, expected: tuple[str, str]) -> None:
    """RFC 7009, section 2.2.1: after a 503 the token is still alive."""
    assert expected == of_revocation(answer)


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1.nip.invalid/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/",
        "https://192.168.1.1:8443/",
        "http://10.0.0.1/",
    ],
)
def test_private_addresses_are_not_called(address: str) -> None:
    """Whatever name leads there: what lies behind our own firewall is nobody else's to reach through us."""
    with pytest.raises(Unposted) as refused:
        Poster([ip_network("10.99.0.0/16")]).post(address, b"", {})

    assert refused.value.reason in {"forbidden_address", "unreachable"}


def test_what_is_posted_arrives_and_the_answer_comes_back() -> None:
    """Headers and status go through; `Retry-After` is read, within a bound."""
    with receiving(dict) as receiver:
        receiver.take = lambda _headers, _body: (429, {"Retry-After": "999999999"}, b'{"err":"x"}')  # type: ignore[assignment, method-assign]
        answer = Poster().post(receiver.url, b"body", {"content-type": "application/secevent+jwt"})

    assert (429, "x", 3600) == (answer.status, answer.member("err"), answer.retry_after)


def test_an_answer_without_end_is_given_up() -> None:
    """More than 64 KiB are not read."""
    with receiving(dict) as receiver:
        receiver.take = lambda _headers, _body: (200, {}, b"x" * 70_000)  # type: ignore[assignment, method-assign]
        with pytest.raises(Unposted, match="too_large"):
            Poster().post(receiver.url, b"", {})


def test_nobody_listening_is_unreachable() -> None:
    """A refused connection is tried again later."""
    with receiving(dict) as receiver:
        url = receiver.url

    with pytest.raises(Unposted, match="unreachable"):
        Poster().post(url, b"", {})


def test_a_refusal_has_the_shape_of_the_specification() -> None:
    """What the tests' own receiver answers is what RFC 8935, section 2.3, shows."""
    status, headers, body = refusal("invalid_audience")

    assert (400, "en", "invalid_audience") == (status, headers["Content-Language"], json.loads(body)["err"])
