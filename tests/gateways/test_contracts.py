"""Envoy, Traefik, APISIX and Kong, which are not run here: what they document that they send, and that they accept.

Each `Asking` is what the gateway sends to `/authz` for the client's request, as its documentation and source have it,
built from our own configuration file, so that a wrong address, prefix or header list in there shows.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest
import yaml

from tests.gateways.application import Headers
from tests.gateways.registry import COOKIE, Registry, Tokens, house, registry
from tests.servers.gateway import CONFIGURATIONS

pytestmark = pytest.mark.redis

Found = Any
"""A part of a YAML document."""
TOLD = ["X-Token-Status", "X-Token-Subject", "X-Revocation-Seq"]
LONGEST_WAIT_S = 5
"""`jwks_wait_s`: whoever waits for less may take a check that waits for an issuer's keys for a failure."""


@dataclass(frozen=True)
class Asking:
    """What a gateway sends to the API."""

    method: str
    target: str
    headers: Headers


def read(name: str) -> Found:
    """A configuration file, parsed."""
    return yaml.safe_load((CONFIGURATIONS / name).read_text())


def envoy_manager() -> Found:
    """Envoy's connection manager."""
    return read("envoy/envoy.yaml")["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0][
        "typed_config"
    ]


def envoy_filter(name: str) -> Found:
    """One of its HTTP filters."""
    (found,) = [each for each in envoy_manager()["http_filters"] if each["name"] == f"envoy.filters.http.{name}"]
    return found["typed_config"]


def envoy(method: str, path: str, headers: Headers) -> Asking:
    """Envoy: the original method, path_prefix and the original path, Content-Length: 0, and what is allowed."""
    authz = envoy_filter("ext_authz")
    allowed = {"authorization"} | {pattern["exact"] for pattern in authz["allowed_headers"]["patterns"]}
    own = [("Host", "shop.example"), ("Content-Length", "0"), ("X-Real-IP", "203.0.113.7")]
    added = authz["http_service"]["authorization_request"]["headers_to_add"]
    own += [(header["key"], header["value"]) for header in added]
    passed = [(name, value) for name, value in headers if name.lower() in allowed]
    return Asking(method, authz["http_service"]["path_prefix"] + path, [*own, *passed])


def forwarded(method: str, path: str) -> list[tuple[str, str]]:
    """What Traefik and APISIX tell of the client's request."""
    return [
        ("X-Forwarded-Method", method),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", "shop.example"),
        ("X-Forwarded-Uri", path),
        ("X-Forwarded-For", "203.0.113.7"),
    ]


def target(address: str) -> str:
    """The path of a configured address, which has to be the API's."""
    _, slashes, path = address.partition("http://127.0.0.1:8080")
    assert slashes
    return path


def traefik(method: str, path: str, headers: Headers) -> Asking:
    """Traefik: GET, and of the client's headers those in authRequestHeaders."""
    middlewares = read("traefik/dynamic.yaml")["http"]["middlewares"]
    auth, written = middlewares["tokenward"]["forwardAuth"], middlewares["unforged"]["headers"]["customRequestHeaders"]
    headers = [*headers, *((name, value) for name, value in written.items() if value)]
    wanted = {name.lower() for name in auth["authRequestHeaders"]}
    passed = [(name, value) for name, value in headers if name.lower() in wanted]
    return Asking("GET", target(auth["address"]), [*forwarded(method, path), ("X-Real-Ip", "203.0.113.7"), *passed])


def apisix(method: str, path: str, headers: Headers) -> Asking:
    """APISIX: GET, extra_headers with variables replaced, and the first of each of request_headers."""
    auth = read("apisix/apisix.yaml")["routes"][0]["plugins"]["forward-auth"]
    wanted = {name.lower() for name in auth["request_headers"]}
    passed = {name: value for name, value in reversed(headers) if name.lower() in wanted}
    extra = [(name, value.replace("$remote_addr", "203.0.113.7")) for name, value in auth["extra_headers"].items()]
    return Asking(auth["request_method"], target(auth["uri"]), [*forwarded(method, path), *extra, *passed.items()])


def kong(method: str, path: str, headers: Headers) -> Asking:
    """Kong: our function sends GET with Authorization, Cookie and the address."""
    del method, path
    passed = [(name, value) for name, value in headers if name.lower() in {"authorization", "cookie"}]
    (key,) = re.findall(r'\["X-Api-Key"\] = "([^"]+)"', (CONFIGURATIONS / "kong" / "kong.yaml").read_text())
    return Asking("GET", "/authz", [("X-Real-IP", "203.0.113.7"), ("X-Api-Key", key), *passed])


ASKS: dict[str, Callable[[str, str, Headers], Asking]] = {
    "envoy": envoy,
    "traefik": traefik,
    "apisix": apisix,
    "kong": kong,
}
REQUESTS = [
    ("GET", "/"),
    ("POST", "/cart?item=7&next=/authz:open"),
    ("HEAD", "/x"),
    ("OPTIONS", "*"),
    ("DELETE", "/authz/../x"),
    ("PATCH", "/authz:open/%2e%2e/x"),
    ("PROPFIND", "//x"),
]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Registry, Tokens]]:
    """An API, and tokens that it knows."""
    with house() as of, registry(of) as api:
        yield api, api.tokens()


def answer(api: Registry, asking: Asking) -> HTTPResponse:
    """What the API says."""
    connection = HTTPConnection("127.0.0.1", api.port, timeout=10)
    connection.putrequest(asking.method, asking.target, skip_host=True, skip_accept_encoding=True)
    names = {name.lower() for name, _ in asking.headers}
    for name, value in [*asking.headers, *([] if "host" in names else [("Host", "127.0.0.1:8080")])]:
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


@pytest.mark.parametrize(("method", "path"), REQUESTS)
@pytest.mark.parametrize("gateway", ASKS)
def test_a_good_token_gets_what_lets_it_pass(
    served: tuple[Registry, Tokens], gateway: str, method: str, path: str
) -> None:
    """Whatever the client's method and path, the answer is the 200 that each takes for a yes, without a body."""
    api, tokens = served
    said = answer(api, ASKS[gateway](method, path, [("Authorization", f"Bearer {tokens.good}"), ("X-Other", "x")]))

    assert (200, "active", "ann") == (said.status, said.headers["X-Token-Status"], said.headers["X-Token-Subject"])
    assert said.headers["Content-Length"] == "0"


@pytest.mark.parametrize(("method", "path"), REQUESTS)
@pytest.mark.parametrize("gateway", ASKS)
def test_a_quarantine_gets_a_challenge(served: tuple[Registry, Tokens], gateway: str, method: str, path: str) -> None:
    """Whatever the client's method and path, a quarantined session gets the 401 whose challenge each passes on."""
    api, tokens = served
    said = answer(api, ASKS[gateway](method, path, [("Cookie", f"theme=dark; {COOKIE}={tokens.quarantined}")]))

    assert said.status == 401
    assert 'error="insufficient_user_authentication"' in said.headers["WWW-Authenticate"]


@pytest.mark.parametrize("gateway", ASKS)
def test_a_revoked_token_is_refused(served: tuple[Registry, Tokens], gateway: str) -> None:
    """A revoked token gets a 401, which none of them takes for a failure of ours."""
    api, tokens = served
    said = answer(api, ASKS[gateway]("GET", "/", [("Authorization", f"Bearer {tokens.revoked}")]))

    assert (401, "revoked") == (said.status, said.headers["X-Token-Status"])


def test_envoy_removes_what_clients_claim_before_it_asks() -> None:
    """Envoy's first filter removes each header that /authz may tell, and writes the address over the client's."""
    mutations = envoy_filter("header_mutation")["mutations"]["request_mutations"]
    order = [each["name"].rpartition(".")[2] for each in envoy_manager()["http_filters"]]
    address = [each["append"] for each in mutations if "append" in each]

    assert ["header_mutation", "ext_authz", "router"] == order
    assert {name.lower() for name in TOLD} <= {each.get("remove") for each in mutations}
    assert [("x-real-ip", "OVERWRITE_IF_EXISTS_OR_ADD")] == [
        (each["header"]["key"], each["append_action"]) for each in address
    ]


def test_envoy_fails_closed_within_a_time() -> None:
    """Envoy refuses while the registry is down, waits longer than a check may wait, and keeps heads below the API's."""
    authz = envoy_filter("ext_authz")
    timeout = float(authz["http_service"]["server_uri"]["timeout"].removesuffix("s"))

    assert (False, "ServiceUnavailable") == (authz["failure_mode_allow"], authz["status_on_error"]["code"])
    assert timeout > LONGEST_WAIT_S
    assert envoy_manager()["max_request_headers_kb"] < 16
    assert envoy_manager()["common_http_protocol_options"]["headers_with_underscores_action"] == "REJECT_REQUEST"


def test_envoys_clients_and_applications_are_told() -> None:
    """Envoy tells the application who comes; challenges go to clients in any case."""
    told = envoy_filter("ext_authz")["http_service"]["authorization_response"]["allowed_upstream_headers"]["patterns"]

    assert [name.lower() for name in TOLD] == [pattern["exact"] for pattern in told]


def test_a_path_cannot_name_a_profile_through_envoy() -> None:
    """A slash ends Envoy's path_prefix: what the client writes stands behind it."""
    assert envoy_filter("ext_authz")["http_service"]["path_prefix"].endswith("/")


def test_traefik_removes_what_clients_claim_before_it_asks() -> None:
    """Traefik's first middleware removes each header that /authz may tell, and forwardAuth trusts no client's."""
    http = read("traefik/dynamic.yaml")["http"]
    removed = http["middlewares"]["unforged"]["headers"]["customRequestHeaders"]
    auth = http["middlewares"]["tokenward"]["forwardAuth"]

    assert ["unforged", "tokenward", "unkeyed"] == http["routers"]["application"]["middlewares"]
    assert {"X-Api-Key": ""} == http["middlewares"]["unkeyed"]["headers"]["customRequestHeaders"]
    assert {*TOLD, *(name.replace("-", "_") for name in TOLD)} == {name for name, value in removed.items() if not value}
    assert ["X-Api-Key"] == [name for name, value in removed.items() if value]
    assert (False, TOLD) == (auth["trustForwardHeader"], auth["authResponseHeaders"])


def test_apisix_fails_closed_within_a_time() -> None:
    """APISIX refuses while the registry is down, waits longer than a check may wait, and keeps connections."""
    auth = read("apisix/apisix.yaml")["routes"][0]["plugins"]["forward-auth"]

    assert (False, 503) == (auth["allow_degradation"], auth["status_on_error"])
    assert auth["timeout"] > LONGEST_WAIT_S * 1000
    assert auth["keepalive"]
    assert auth["keepalive_timeout"] < 75_000
    assert TOLD == auth["upstream_headers"]
    assert "WWW-Authenticate" in auth["client_headers"]


def test_apisix_and_kong_remove_what_clients_claim() -> None:
    """Both run a function of ours before they ask, which names each header that /authz may tell."""
    plugins = read("apisix/apisix.yaml")["routes"][0]["plugins"]
    (before,) = plugins["serverless-pre-function"]["functions"]
    (function,) = read("kong/kong.yaml")["services"][0]["plugins"][0]["config"]["access"]

    assert [] == [name for name in TOLD if name not in before or name not in function]
    assert plugins["serverless-pre-function"]["phase"] == "rewrite"


@pytest.mark.parametrize("name", ["envoy/envoy.yaml", "traefik/dynamic.yaml", "apisix/apisix.yaml", "kong/kong.yaml"])
def test_each_file_says_that_it_is_not_run(name: str) -> None:
    """Whoever opens a file reads that it was checked against a documented contract, and not run."""
    assert "# CHECKED AGAINST ITS DOCUMENTED CONTRACT" in (CONFIGURATIONS / name).read_text().partition("\n\n")[0]
