"""RFC 7662: what is told of a token, to whom, and what is not."""

from collections.abc import Iterator

import pytest

from api.protocols.introspect import PATH
from revocation.record import Scope, State
from tests.api.gates import SIGNER
from tests.api.protocols.callers import FOREIGN, OTHER, by, called, form, token
from tests.api.running import ISSUER, NOW, Running, entry, running
from tests.api.verifying import trusted
from tests.servers.issuer import Issuer, issuing

INACTIVE = b'{"active":false}'


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """An issuer."""
    with issuing(SIGNER) as idp:
        yield idp


@pytest.fixture(scope="module")
def api(issuer: Issuer) -> Iterator[Running]:
    """An API with two issuers."""
    with issuing(FOREIGN) as second, called(issuer, second) as parts:
        parts.refuse(
            entry("revoked"), entry("quarantined", state=State.QUARANTINED), entry("gone", Scope.TOKEN), entry("k9")
        )
        yield parts


def asked(api: Running, presented: str, name: str = "gateway") -> bytes:
    """What is answered about a token."""
    answer = form(api, PATH, name, ("token", presented))
    assert (200, "application/json", "no-store") == (
        answer.status_code,
        answer.headers["content-type"],
        answer.headers["cache-control"],
    )
    return answer.content


def test_a_good_token_is_told(api: Running) -> None:
    """All of section 2.2's members that it has, and of RFC 9470's and RFC 9449's; nothing else of it."""
    presented = token(
        aud=["shop-api", "x"],
        scope="read write",
        username="ann@example.com",
        auth_time=NOW // 1000 - 60,
        acr="urn:mfa",
        nbf=NOW // 1000,
        cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "x": [1]},
        groups=["staff"],
    )
    answer = form(api, PATH, "gateway", ("token", presented), ("token_type_hint", "refresh_token"), ("resource", "r"))

    assert {
        "active": True,
        "token_type": "DPoP",
        "scope": "read write",
        "client_id": "shop",
        "username": "ann@example.com",
        "sub": "ann",
        "iss": ISSUER,
        "jti": "t1",
        "acr": "urn:mfa",
        "exp": NOW // 1000 + 300,
        "iat": NOW // 1000,
        "nbf": NOW // 1000,
        "auth_time": NOW // 1000 - 60,
        "aud": ["shop-api", "x"],
        "cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"},
    } == answer.json()


def test_what_is_of_another_type_is_left_out(api: Running) -> None:
    """The answer's types are promised; `azp` is the client where nothing else is."""
    presented = SIGNER.sign(
        {
            "iss": ISSUER,
            "sub": 7,
            "exp": NOW / 1000 + 300.5,
            "azp": "shop",
            "scope": ["read"],
            "aud": 1,
            "acr": 1,
            "auth_time": "x",
        }
    )

    assert {
        "active": True,
        "token_type": "Bearer",
        "client_id": "shop",
        "iss": ISSUER,
        "exp": NOW // 1000 + 300,
    } == form(api, PATH, "gateway", ("token", presented)).json()


@pytest.mark.parametrize(
    "presented",
    [
        token(sid="revoked"),
        token(sid="quarantined"),
        SIGNER.sign({"iss": ISSUER, "jti": "gone", "exp": NOW // 1000 + 300}),
        token(exp=NOW // 1000 - 31),
        token(nbf=NOW // 1000 + 60),
        token(FOREIGN),
        token(FOREIGN, iss=OTHER),
        token(iss="https://nobody.example.com"),
        token(header={"typ": "dpop+jwt"}),
        token(header={"kid": "another"}),
        "opaque",
        "x" * 20_000,
    ],
    ids=[
        "revoked",
        "quarantined",
        "revoked by itself",
        "ended",
        "not begun",
        "forged",
        "of an issuer that the caller may not know",
        "of an issuer that nobody knows",
        "of another type",
        "of an unknown key",
        "opaque",
        "too long",
    ],
)
def test_whatever_is_not_good_has_one_answer(api: Running, presented: str) -> None:
    """Not even why: the bytes are the same."""
    assert INACTIVE == asked(api, presented)


def test_another_tenants_token_is_good_for_who_may_know(issuer: Issuer) -> None:
    """The token that the gateway was not told of is a good one."""
    both = [trusted(issuer.uri)]
    with issuing(FOREIGN) as second, running(issuers=[*both, trusted(second.uri, OTHER)]) as api:
        answer = api.http.post(PATH, data={"token": token(FOREIGN, iss=OTHER)})

        assert OTHER == answer.json()["iss"]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ([], "The parameter token is missing."),
        ([("token", "")], "The parameter token is missing."),
        ([("token", "a"), ("token", "b")], "A parameter is there more than once."),
        ([(f"p{number}", "x") for number in range(40)], "The body is no form, or has too many parameters."),
    ],
)
def test_what_is_no_question_is_refused(api: Running, parameters: list[tuple[str, str]], expected: str) -> None:
    """In OAuth's own shape (RFC 6749, section 5.2)."""
    answer = form(api, PATH, "gateway", *parameters)

    assert (400, {"error": "invalid_request", "error_description": expected}) == (answer.status_code, answer.json())


def test_a_body_is_a_form_and_short(api: Running) -> None:
    """Anything else is refused by its head, and bytes that are no text by themselves."""
    kinds = [
        ({"content-type": "application/json"}, b"{}"),
        ({"content-type": "application/x-www-form-urlencoded"}, b"token=" + b"x" * 40_000),
        ({"content-type": "application/x-www-form-urlencoded; charset=utf-8"}, b"token=\xff"),
        ({"content-type": "application/x-www-form-urlencoded"}, b"token=%ff"),
    ]
    answers = [api.http.post(PATH, content=body, headers=by("gateway") | headers) for headers, body in kinds]

    assert [415, 413, 400, 400] == [answer.status_code for answer in answers]
    assert ["invalid_request"] * 4 == [answer.json()["error"] for answer in answers]


def test_a_token_never_stands_in_an_address(api: Running) -> None:
    """GET is refused (section 4), whatever it asks for."""
    answer = api.http.get(PATH, params={"token": token()}, headers=by("gateway"))

    assert (405, "POST") == (answer.status_code, answer.headers["allow"])


@pytest.mark.parametrize(("name", "expected"), [("nobody", 401), ("shop", 403)])
def test_only_who_may_introspect_is_answered(api: Running, name: str, expected: int) -> None:
    """Others are told nothing of any token."""
    assert expected == form(api, PATH, name, ("token", token())).status_code


def test_nothing_is_said_when_the_registry_was_not_heard_of(issuer: Issuer) -> None:
    """That the token is active would be a guess: 503, and `Retry-After`."""
    with called(issuer, check_clock=lambda: NOW + 120_000) as api:
        answer = form(api, PATH, "gateway", ("token", token(exp=NOW // 1000 + 300)))

    assert (503, "1") == (answer.status_code, answer.headers["retry-after"])


def test_nothing_is_said_without_the_issuers_keys() -> None:
    """Whether the token is good cannot be known: neither active nor inactive."""
    with issuing(SIGNER) as idp:
        idp.status = 500
        with called(idp) as api:
            answer = form(api, PATH, "gateway", ("token", token()))

    assert (503, "temporarily_unavailable") == (answer.status_code, answer.json()["error"])
