"""Global token revocation: a person is signed out everywhere, by who may, and nobody learns who there is."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from api.protocols.global_revocation import PATH, REASON
from revocation.record import Scope
from tests.api.gates import SIGNER
from tests.api.protocols.callers import (
    ACCESS,
    FOREIGN,
    OTHER,
    SIGN_OUT_URL,
    UNKNOWN,
    by,
    called,
    identity,
    refused,
    written,
)
from tests.api.running import ISSUER, NOW, TYPE, Running, running
from tests.api.verifying import trusted
from tests.servers.issuer import Issuer, issuing

ANN = {"format": "iss_sub", "iss": ISSUER, "sub": "ann"}
MAIL = {"format": "email", "email": "ann@example.com"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """An issuer."""
    with issuing(SIGNER) as idp:
        yield idp


@pytest.fixture
def api(issuer: Issuer) -> Iterator[Running]:
    """An API of the test's own, with two issuers."""
    with issuing(FOREIGN) as second, called(issuer, second) as parts:
        yield parts


@pytest.mark.parametrize("member", ["sub_id", "subject"])
def test_a_person_is_signed_out(api: Running, member: str) -> None:
    """By the draft's member and by the older one: 204, no body, an entry of logins up to now, a line in the trail."""
    answer = api.http.post(PATH, json={member: ANN}, headers=by("okta"))
    found = [(entry.not_before, entry.actor) for entry in api.registry.snapshot().entries]

    assert (204, b"") == (answer.status_code, answer.content)
    assert ({identity(Scope.SUBJECT, "ann")}, [(NOW, "okta")]) == (refused(api), found)
    assert [("okta", "gtr", "revoke", REASON)] == written(api)


def test_a_login_after_it_is_good(api: Running) -> None:
    """Who signed in before is refused, whatever was refreshed since; who signs in anew is not."""
    api.http.post(PATH, json={"sub_id": ANN}, headers=by("soc"))
    logins = [{"auth_time": NOW // 1000 - 9, "iat": NOW // 1000 + 9}, {"auth_time": NOW // 1000 + 1}]
    asked = [{"iss": ISSUER, "sub": "ann", **login} for login in logins]
    answers = [api.http.post("/v1/check", json=claims, headers=by("soc")).json()["decision"] for claims in asked]

    assert ["deny", "allow"] == answers


@pytest.mark.parametrize(
    ("about", "name", "expected"),
    [
        ({"format": "opaque", "id": "ann"}, "okta", None),
        ({"format": "opaque", "id": "ann"}, "soc", "unrevocable"),
        (MAIL, "okta", "unrevocable"),
        (MAIL, "soc", "unrevocable"),
        ({"format": "phone_number", "phone_number": "+12065550100"}, "okta", "unrevocable"),
        ({"format": "aliases", "identifiers": [ANN]}, "okta", "unrevocable"),
        ({**ANN, "iss": OTHER}, "okta", "forbidden"),
        ({**ANN, "iss": UNKNOWN}, "okta", "forbidden"),
        ({**ANN, "iss": OTHER}, "soc", None),
        ({**ANN, "iss": UNKNOWN}, "soc", "unknown_issuer"),
        ({"format": "nickname", "name": "ann"}, "okta", "bad_request"),
        ({"format": "complex", "user": ANN}, "okta", "bad_request"),
        ({"format": "iss_sub", "iss": ISSUER}, "okta", "bad_request"),
        ({}, "okta", "bad_request"),
        (None, "okta", "bad_request"),
        ("ann", "okta", "bad_request"),
    ],
    ids=str,
)
def test_whom_an_identifier_names(api: Running, about: object, name: str, expected: str | None) -> None:
    """What says too little, or of somebody else's people, changes nothing, and tells nothing of who there is."""
    answer = api.http.post(PATH, json={"sub_id": about}, headers=by(name))

    assert (None if answer.status_code == 204 else answer.json()["type"]) == (expected and TYPE + expected)
    assert (expected is None) == bool(refused(api))


def test_statuses_are_the_drafts() -> None:
    """400 malformed, 401 nobody, 403 not this caller, 404 unknown, 422 cannot be signed out."""
    with issuing(SIGNER) as idp, called(idp) as api:
        asked: list[tuple[object, dict[str, str]]] = [
            ({"sub_id": {}}, by("okta")),
            ({"sub_id": ANN}, {}),
            ({"sub_id": ANN}, by("gateway")),
            ({"sub_id": {**ANN, "iss": UNKNOWN}}, by("soc")),
            ({"sub_id": MAIL}, by("soc")),
        ]
        answers = [api.http.post(PATH, json=body, headers=headers) for body, headers in asked]

    assert [400, 401, 403, 404, 422] == [answer.status_code for answer in answers]
    assert {"application/problem+json"} == {answer.headers["content-type"] for answer in answers}


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"[" * 10_000, b'{"sub_id":7}'])
def test_what_is_no_question_is_refused(api: Running, body: bytes) -> None:
    """Whatever the body: 400, and nothing happens."""
    answer = api.http.post(PATH, content=body, headers=by("okta") | {"content-type": "application/json"})

    assert (400, set()) == (answer.status_code, refused(api))


def test_an_e_mail_address_may_be_the_identity(issuer: Issuer) -> None:
    """Where the settings say whose `sub` it is."""
    with called(issuer, settings={"emails": ISSUER}) as api:
        answer = api.http.post(PATH, json={"sub_id": MAIL}, headers=by("okta"))

        assert (204, {identity(Scope.SUBJECT, "ann@example.com")}) == (answer.status_code, refused(api))


def okta(**more: object) -> dict[str, Any]:
    """What Okta's token says."""
    return {"iss": ISSUER, "aud": SIGN_OUT_URL, "jti": "g1", "iat": NOW // 1000, "exp": NOW // 1000 + 300, **more}


def shown(api: Running, payload: dict[str, Any], typ: str = "global-token-revocation+jwt", path: str = PATH) -> int:
    """What is answered to who shows such a token."""
    token = SIGNER.sign(payload, {"typ": typ})
    answer = api.http.post(path, json={"sub_id": ANN}, headers={"authorization": f"Bearer {token}"})
    return answer.status_code


def test_oktas_token_is_a_credential(api: Running) -> None:
    """Of its issuer, for that route; the trail names it."""
    assert 204 == shown(api, okta())
    assert [(f"global-token-revocation ({ISSUER})", "gtr", "revoke", REASON)] == written(api)


@pytest.mark.parametrize(
    ("more", "typ", "path", "expected"),
    [
        ({"aud": "https://revocation.example.com"}, "global-token-revocation+jwt", PATH, 401),
        ({"aud": [SIGN_OUT_URL, "https://elsewhere.example.com"]}, "global-token-revocation+jwt", PATH, 401),
        ({"aud": None}, "global-token-revocation+jwt", PATH, 401),
        ({"exp": NOW // 1000 - 31}, "global-token-revocation+jwt", PATH, 401),
        ({"iss": OTHER}, "global-token-revocation+jwt", PATH, 401),
        ({}, "at+jwt", PATH, 401),
        ({}, "global-token-revocation+jwt", "/v1/revocations", 403),
        ({}, "global-token-revocation+jwt", "/v1/check", 403),
    ],
    ids=str,
)
def test_it_is_one_nowhere_else(api: Running, more: dict[str, Any], typ: str, path: str, expected: int) -> None:
    """What is for another address, ended, another's or of another type shows nobody; and it opens no other route."""
    assert (expected, set()) == (shown(api, okta(**more), typ, path), refused(api))


def test_without_an_address_it_is_none(issuer: Issuer) -> None:
    """Nobody is shown by it until the settings say where it is for."""
    with running(issuers=[trusted(issuer.uri)], access=replace(ACCESS, sign_out_url=None)) as api:
        assert 401 == shown(api, okta())
