"""What crosses a gateway, and what does not: bodies, claims of the client's, paths, connections."""

import re

import pytest

from tests.gateways.application import Headers
from tests.gateways.cases import BODY
from tests.gateways.registry import token
from tests.gateways.stands import OPEN, Stand, Stands

pytestmark = [pytest.mark.gateways, pytest.mark.redis]

FORGED = "6.6.6.6"
OURS = ("X-Token-Status", "X-Token-Subject", "X-Revocation-Seq", "X-Real-IP", "X-Forwarded-For")
FORGERIES: dict[str, Headers] = {
    "as we write them": [(name, FORGED) for name in OURS],
    "in small letters": [(name.lower(), FORGED) for name in OURS],
    "with underscores": [(name.replace("-", "_"), FORGED) for name in OURS],
    "half with underscores": [(name.replace("-", "_", 1), FORGED) for name in OURS],
    "twice": [(name, FORGED) for name in OURS for _ in range(2)],
    "as hop by hop": [*((name, FORGED) for name in OURS), ("Connection", ", ".join(OURS))],
}
REQUEST_LINE = re.compile(rb"^([A-Z]+) (\S+) HTTP/1\.[01]\r$", re.MULTILINE)
PATHS = (
    "/authz",
    "/authz/../x",
    "/authz/%2e%2e/x",
    "/authz%2f..%2fx",
    "/%61uthz/..%2fx",
    "/authz:open/x",
    "/x/../authz:open",
    "//authz//..//x",
    "/authz/..;/x",
    "/authz/..\\x",
    "/_tokenward",
    "/_tokenward/../x",
    "/x?next=/authz:open",
    "/x%00/authz",
    "/x%0d%0aX-Token-Subject:%20root",
)
REQUESTS, CONNECTIONS = 60, 6
"""So many requests, one after another, shall need no more than so many connections to the API."""


def test_the_application_is_told_who_comes(up: Stand) -> None:
    """With a good token, status, subject and the client's address reach the application."""
    seen = up.ask(bearer=up.tokens.good).seen
    assert seen is not None
    told = {name: seen.headers.get(name) for name in ("x-token-status", "x-token-subject", "x-real-ip")}

    assert {"x-token-status": "active", "x-token-subject": "ann", "x-real-ip": "127.0.0.1"} == told


@pytest.mark.parametrize("headers", FORGERIES.values(), ids=FORGERIES)
def test_nothing_that_a_client_claims_is_taken_for_ours(up: Stand, headers: Headers) -> None:
    """Headers that a client writes in our name reach neither the application nor the API, and do not put out ours."""
    up.wire.said()
    seen = up.ask(bearer=token(), headers=headers).seen
    said = up.wire.said()
    assert seen is not None

    assert {} == {name: value for name, value in seen.headers.items() if FORGED in value}
    assert ("active", "ann") == (seen.headers.get("x-token-status"), seen.headers.get("x-token-subject"))
    assert FORGED.encode() not in said
    assert b"x-real-ip: 127.0.0.1" in said.lower()


@pytest.mark.slow
@pytest.mark.parametrize("gateway", [name for name, switched in OPEN.items() if switched])
def test_an_unchecked_request_says_that_it_is_unchecked(stands: Stands, gateway: str) -> None:
    """Failing open with the registry down, no X-Token header reaches the application, whatever the client wrote."""
    down = stands.get("down, open", gateway)
    claims = [(name, FORGED) for name in OURS]
    seen = down.ask(bearer=down.tokens.revoked, headers=claims).seen
    assert seen is not None

    assert [] == [name for name, value in seen.headers.items() if name.startswith("x-token") or FORGED in value]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_gets_around_the_check(up: Stand, path: str) -> None:
    """However the path is written, a request without a token does not reach the application."""
    before = up.application.requests
    reply = up.ask(path)

    assert reply.status in {400, 401, 404}
    assert before == up.application.requests


@pytest.mark.parametrize("path", PATHS)
def test_no_path_chooses_what_the_api_is_asked(up: Stand, path: str) -> None:
    """However the path is written, the API is asked for its default profile by GET, and nothing of the path decides."""
    up.wire.said()
    up.ask(path, bearer=token())
    asked = REQUEST_LINE.findall(up.wire.said())

    assert set(asked) <= {(b"GET", b"/authz")}


def test_a_body_goes_to_the_application_alone(up: Stand) -> None:
    """The application reads a POST's body whole, and the API never sees any of it."""
    up.wire.said()
    seen = up.ask("/form", bearer=token(), method="POST", body=BODY).seen
    said = up.wire.said()
    assert seen is not None

    assert ("POST", "/form", BODY) == (seen.method, seen.path, seen.body)
    assert BODY.encode() not in said
    assert b"/authz" in said


def test_a_challenge_reaches_the_client_whole(up: Stand) -> None:
    """A quarantine's challenge says to the client how old a login may be, as RFC 9470 has it."""
    challenge = up.ask(bearer=up.tokens.quarantined).headers["WWW-Authenticate"]

    words = re.findall(r'(\w+)="([^"]*)"', challenge)

    assert ["realm", "error", "error_description", "max_age"] == [name for name, _ in words]
    assert dict(words)["error"] == "insufficient_user_authentication"
    assert dict(words)["max_age"].isdecimal()


def test_connections_to_the_api_are_kept(up: Stand) -> None:
    """Many requests, one after another, need few connections to the API."""
    before = up.wire.connections
    for _ in range(REQUESTS):
        up.ask(bearer=up.tokens.good)

    assert up.wire.connections - before <= CONNECTIONS


def test_tokens_are_not_logged(up: Stand) -> None:
    """Whatever came, no token stands in the gateway's log."""
    for bearer in (up.tokens.good, up.tokens.revoked):
        up.ask(bearer=bearer)

    assert up.tokens.good not in up.log.read_text()
    assert up.tokens.revoked not in up.log.read_text()
