"""The table of rules and the routes are the same, by the application's own refusal and by the document."""

import re
from http import HTTPStatus

import pytest
from fastapi import APIRouter, FastAPI

from api.access.principal import Verb
from api.access.rules import ANY, Ask, Found, Rule, Table, plain, served_by
from tests.api.access.calling import ALL_RULES, Protected, bearer, key_of
from tests.api.running import Running

UNDOCUMENTED = {("GET", "/docs"), ("GET", "/docs/oauth2-redirect"), ("GET", "/openapi.json")}
"""Routes about the document."""


@pytest.fixture(scope="module")
def served(guarded: Protected) -> set[tuple[str, str]]:
    """Method and path of every route of an API that has everything, by its document."""
    paths = guarded.plain.get("/openapi.json", headers=bearer(key_of("all"))).json()["paths"]
    return UNDOCUMENTED | {(method.upper(), path) for path, operations in paths.items() for method in operations}


def test_every_operation_of_the_document_has_a_rule(served: set[tuple[str, str]]) -> None:
    """The document of an API that has everything agrees with the rules that the matrix asks everybody about."""
    rules = {("GET" if rule.method == ANY else rule.method, plain(rule.path)) for rule in ALL_RULES}

    assert served == rules


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: f"{rule.method} {rule.path}")
def test_no_rule_can_be_left_out(served: set[tuple[str, str]], rule: Rule) -> None:
    """Whichever route's rule is missing, the application refuses to be built, and names it."""
    method = "GET" if rule.method == ANY else rule.method

    with pytest.raises(ValueError, match=rf"without a rule \['{method} {re.escape(plain(rule.path))}'"):
        Table(other for other in ALL_RULES if other is not rule).check(served)


def test_a_route_without_a_rule_is_refused() -> None:
    """A route that nobody thought about is named, wherever it was included."""
    app, router = FastAPI(openapi_url=None), APIRouter()
    router.get("/v1/secrets/{id}")(lambda: None)
    app.include_router(router)

    with pytest.raises(ValueError, match=r"without a rule \['GET /v1/secrets/\{id\}'\], without a route none"):
        Table([]).check(served_by(app))


def test_a_rule_without_a_route_is_refused() -> None:
    """A rule that outlived its route is named."""
    served = {("GET", "/healthz"), ("GET", "/authz")}
    rules = [Rule("GET", "/healthz", Ask.NOTHING), Rule(ANY, "/authz", Verb.CHECK), Rule("PUT", "/healthz", Verb.READ)]

    with pytest.raises(ValueError, match=r"without a rule none, without a route \['PUT /healthz'\]"):
        Table(rules).check(served)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("HEAD", "/healthz", "GET /healthz"),
        ("PATCH", "/authz/a/../b", "* /authz"),
        ("GET", "/authzzz", "* /authz"),
        ("GET", "/v1/check/", Found(HTTPStatus.NOT_FOUND)),
        ("POST", "/healthz", Found(HTTPStatus.METHOD_NOT_ALLOWED, ("GET", "HEAD"), "/healthz")),
        ("DELETE", "/v1/check", Found(HTTPStatus.METHOD_NOT_ALLOWED, ("POST",), "/v1/check")),
    ],
)
def test_a_request_finds_its_rule(method: str, path: str, expected: object) -> None:
    """HEAD is GET; whatever follows `/authz` has its rule; a slash more is another path."""
    found = Table().find(method, path)

    assert expected == (f"{found.method} {found.path}" if isinstance(found, Rule) else found)


def test_what_is_not_there_is_told_to_somebody_only(guarded: Protected) -> None:
    """Who shows nobody learns of no path; who is somebody is told 404, or 405 with the methods."""
    answers = [
        guarded.plain.request(method, path, headers=headers)
        for headers in ({}, bearer(key_of("only-check")))
        for method, path in (("GET", "/v1/nowhere"), ("PUT", "/v1/check"))
    ]

    assert [(401, None), (401, None), (404, None), (405, "POST")] == [
        (answer.status_code, answer.headers.get("allow")) for answer in answers
    ]


def test_the_document_says_how_to_show_oneself(api: Running) -> None:
    """Each operation names its credentials, but the one that asks for none; `/authz` leaves `Authorization` alone."""
    paths = api.http.get("/openapi.json").json()["paths"]
    shown = {path: paths[path]["get"]["security"] for path in ("/healthz", "/readyz", "/authz")}

    assert {
        "/healthz": [],
        "/readyz": [{"key": []}, {"token": []}, {"certificate": []}],
        "/authz": [{"key": []}, {"certificate": []}],
    } == shown
