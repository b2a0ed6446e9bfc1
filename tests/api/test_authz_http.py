"""`/authz` on the wire: any path, any method, any body, any head, on connections that are kept."""

import socket
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.gates import ask, said, token
from tests.api.running import Running

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "PURGE", "MKCOL"]
PATHS = [
    b"/authz",
    b"/authz?profile=public",
    b"/authz/",
    b"/authz//",
    b"/authz/shop/cart?x=1",
    b"/authz/../x",
    b"/authz/../../v1/check",
    b"/authz/%2e%2e/healthz",
    b"/authz%2fx",
    b"/authz/%00%0d%0a%ff",
    b"/authz/;a=b",
    b"/authz/v1/check",
    b"/authz/:public",
    b"http://anybody/authz/x",
]


@pytest.mark.parametrize("path", PATHS)
def test_any_path_behind_the_prefix_is_answered(gate: Running, path: bytes) -> None:
    """What follows is the client's own request, and changes neither profile nor answer."""
    head = b"GET %b HTTP/1.1\r\nHost: x\r\nX-Profile: public\r\n%b\r\n"
    bearer = b"Authorization: Bearer %b\r\n" % token().encode()
    answers = [gate.exchange(head % (path, line))[9:12] for line in (bearer, b"")]

    assert [b"200", b"401"] == answers


@pytest.mark.parametrize(
    "path", ["/authz:nobody", "/authz:", "/authz:nobody/x", "/authz*", "/authzx", "/authz:%2e%2e/x"]
)
def test_a_profile_that_is_not_there_lets_nobody_pass(gate: Running, path: str) -> None:
    """A misspelt gateway is refused as one, by a status that no gateway takes for a failure of the network."""
    answer = ask(gate, token(), path)

    assert (403, "unverifiable", []) == said(answer)


@pytest.mark.parametrize("method", METHODS)
def test_any_method_is_answered(gate: Running, method: str) -> None:
    """Envoy forwards the client's method."""
    head = f"{method} /authz/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token()}\r\n\r\n".encode()

    assert b"HTTP/1.1 200" == gate.exchange(head)[:12]


def test_a_body_is_neither_awaited_nor_in_the_way(gate: Running) -> None:
    """The answer comes before the body does, and the connection carries the next question after it."""
    head = b"POST /authz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n" % token().encode()
    sized = head + b"Content-Length: 100000\r\n\r\n"
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
    before = gate.exchange(sized)
    after = gate.exchange(sized + b"x" * 100_000 + chunked + b"3\r\nabc\r\n0\r\n\r\n" + head + b"\r\n", responses=3)

    assert (b"HTTP/1.1 200", 3) == (before[:12], after.count(b"HTTP/1.1 200"))


def test_an_expected_body_is_not_asked_for(gate: Running) -> None:
    """`Expect: 100-continue` gets its answer at once, and an end, as nobody can tell what would come next."""
    answer = gate.exchange(
        b"PUT /authz HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n", responses=9
    )

    assert (b"HTTP/1.1 401", True) == (answer[:12], b"connection: close" in answer)


def test_a_websocket_is_let_pass_like_anything_else(gate: Running, caplog: pytest.LogCaptureFixture) -> None:
    """Headers of an upgrade that a gateway forwards are answered, the connection is kept, and nothing is logged."""
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: Bearer %b\r\n\r\n" % token().encode()
    question = b"GET /authz/live HTTP/1.1\r\nHost: x\r\n" + upgrade
    with socket.create_connection((gate.address.host, gate.address.port), timeout=10) as client:
        answers = []
        for _ in range(3):
            client.sendall(question)
            answers.append(client.recv(65536)[:12])

    assert ([b"HTTP/1.1 200"] * 3, []) == (answers, caplog.records)


def test_a_connection_is_kept(gate: Running) -> None:
    """Gateways keep their connections: questions sent without waiting are answered in order on one."""
    good = b"GET /authz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\n\r\n" % token().encode()
    bad = b"GET /authz HTTP/1.1\r\nHost: x\r\n\r\n"
    answers = gate.exchange(good + bad + good + bad, responses=4)

    assert [b"200", b"401", b"200", b"401"] == [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize(("size", "status"), [(8_000, 200), (12_000, 200), (16_500, 401), (30_000, 401)])
def test_long_tokens_are_read(gate: Running, size: int, status: int) -> None:
    """8 KB must work; a token beyond 16 KiB is refused as a token, though its head is within what is read."""
    long = token(groups="g" * (size * 3 // 4))
    answer = gate.exchange(f"GET /authz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {long}\r\n\r\n".encode())

    assert f"HTTP/1.1 {status}".encode() == answer[:12]


HEADERS: Mapping[str, st.SearchStrategy[bytes]] = {
    "Authorization": st.binary(max_size=60).map(lambda text: b"Bearer " + text) | st.binary(max_size=60),
    "Cookie": st.binary(max_size=60).map(lambda text: b"access=" + text),
    "X-Real-IP": st.binary(max_size=30),
}


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    profile=st.sampled_from(["", ":public", ":web", ":read", ":cached"]),
    headers=st.fixed_dictionaries({}, optional=dict(HEADERS)),
)
def test_whatever_is_sent_is_answered_as_gateways_need_it(
    gate: Running, profile: str, headers: dict[str, bytes]
) -> None:
    """200, 401 or 403, a challenge with each 401; what is no HTTP at all is a bad request of the server's own."""
    lines = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers.items())
    answer = gate.exchange(f"GET /authz{profile} HTTP/1.1\r\nHost: x\r\n".encode() + lines + b"\r\n", responses=1)

    assert answer[9:12] in {b"200", b"401", b"403", b"400"}
    assert (answer[9:12] == b"401") == (b"www-authenticate:" in answer)
