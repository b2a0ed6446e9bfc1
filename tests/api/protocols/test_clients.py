"""Authlib's own client, over a real server: RFC 7662 and RFC 7009 as somebody else understands them."""

from collections.abc import Iterator

import pytest
from authlib.integrations.requests_client import OAuth2Session

from tests.api.gates import SIGNER
from tests.api.protocols.callers import called, key, token
from tests.api.running import Running
from tests.servers.issuer import Issuer, issuing

HINTS = ("access_token", "refresh_token")
OPAQUE = "45ghiukldjahdnhzdauz"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    """An issuer."""
    with issuing(SIGNER) as idp:
        yield idp


@pytest.fixture
def api(issuer: Issuer) -> Iterator[Running]:
    """An API of the test's own."""
    with called(issuer) as parts:
        yield parts


def client(name: str) -> OAuth2Session:
    """Authlib's client, which shows itself by HTTP Basic (RFC 6749, section 2.3.1), its usual way."""
    return OAuth2Session(client_id=name, client_secret=key(name))


def test_authlib_introspects_and_revokes(api: Running) -> None:
    """What its client gives up, its resource server finds inactive."""
    ask, give_up = f"{api.address.url}/v1/introspect", f"{api.address.url}/oauth2/revoke"
    presented = token()
    with client("gateway") as gateway, client("shop") as shop:
        before = gateway.introspect_token(ask, token=presented, token_type_hint=HINTS[0]).json()
        answer = shop.revoke_token(give_up, token=presented, token_type_hint=HINTS[1])
        after = gateway.introspect_token(ask, token=presented).json()

    assert (True, "shop", 200, {"active": False}) == (before["active"], before["client_id"], answer.status_code, after)


def test_authlib_is_told_what_cannot_be_revoked(api: Running) -> None:
    """Its client reads the error's code."""
    with client("shop") as shop:
        answer = shop.revoke_token(f"{api.address.url}/oauth2/revoke", token=OPAQUE)

    assert (400, "unsupported_token_type") == (answer.status_code, answer.json()["error"])


def test_authlib_with_a_wrong_secret_is_nobody(api: Running) -> None:
    """`invalid_client`, and 401."""
    with OAuth2Session(client_id="shop", client_secret=key("gateway")) as shop:
        answer = shop.revoke_token(f"{api.address.url}/oauth2/revoke", token=token())

    assert (401, "invalid_client") == (answer.status_code, answer.json()["error"])
