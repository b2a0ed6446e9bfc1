"""Clients that mean harm, against every kind of route: each costs a bounded time, and nobody else an answer."""

import select
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from api.server import Limits
from revocation.memory import MemoryRegistry
from tests.api.crowdsec.condemning import Condemning, condemning
from tests.api.running import NOW, entry
from tests.servers.process import until

HURRIED = Limits(arrival_seconds=0.5, untaken_seconds=0.5, head_bytes=32 * 1024)
"""The server's bounds, short enough to wait for."""
PATIENCE = 20.0
"""By then every connection must have been ended by the server, or answered whole."""
PAUSE = 0.1
STORED = 20_000

#: A route of each kind: served raw, by the feed, by `/authz`, by FastAPI, for bouncers, and by nobody.
ROUTES = {
    "check": "POST /v1/check",
    "batch": "POST /v1/check/batch",
    "poll": "GET /v1/revocations/changes?cursor=e1:0",
    "snapshot": "GET /v1/revocations",
    "acknowledgement": "POST /v1/revocations/acknowledgements",
    "authz": "GET /authz",
    "page": "GET /v1/revocations/entries",
    "decisions": "GET /crowdsec/v1/decisions",
    "metrics": "POST /crowdsec/v1/usage-metrics",
    "nothing": "GET /nowhere",
}
LARGE = ("snapshot", "page", "poll")

Attack = Callable[[socket.socket, bytes], None]


@pytest.fixture(scope="module")
def mount() -> Iterator[Condemning]:
    """An API in a hurry, with a large registry."""
    registry = MemoryRegistry("e1")
    registry.apply([entry(f"s{number}") for number in range(STORED)], NOW)
    with condemning(registry=registry, limits=HURRIED) as mount:
        yield mount


def head(line: bytes, *headers: bytes) -> bytes:
    """A request's head."""
    return b"\r\n".join([line + b" HTTP/1.1", b"Host: x", b"Content-Type: application/json", *headers, b"", b""])


def too_long(client: socket.socket, line: bytes) -> None:
    """A body of a terabyte is announced, and begun."""
    client.sendall(head(line, b"Content-Length: 1000000000000") + bytes(256 * 1024))


def endless_chunks(client: socket.socket, line: bytes) -> None:
    """Chunk after chunk, without the last one."""
    client.sendall(head(line, b"Transfer-Encoding: chunked"))
    for _ in range(100_000):
        client.sendall(b"400\r\n%b\r\n" % bytes(1024))


def trickling_head(client: socket.socket, line: bytes) -> None:
    """A byte of a head now and then."""
    client.sendall(head(line)[:-2])
    _trickle(client, b"x")


def trickling_body(client: socket.socket, line: bytes) -> None:
    """A byte of a body now and then."""
    client.sendall(head(line, b"Content-Length: 1000"))
    _trickle(client, b" ")


def half_closed(client: socket.socket, line: bytes) -> None:
    """Half a body, and no more to come."""
    client.sendall(head(line, b"Content-Length: 1000") + b"{")
    client.shutdown(socket.SHUT_WR)


def many_headers(client: socket.socket, line: bytes) -> None:
    """A hundred thousand headers."""
    client.sendall(head(line, *(b"x-%d: y" % number for number in range(100_000))))


def large_header(client: socket.socket, line: bytes) -> None:
    """One header of eight megabytes."""
    client.sendall(head(line, b"x: " + bytes(8 * 1024 * 1024).replace(b"\0", b"y")))


ATTACKS = (too_long, endless_chunks, trickling_head, trickling_body, half_closed, many_headers, large_header)


@pytest.mark.slow
@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_the_server_ends_what_a_client_does_not(mount: Condemning, attack: Attack, route: str) -> None:
    """The connection is ended in time, nothing is an error of the server's, and others are answered meanwhile."""
    address = mount.api.address
    with socket.create_connection((address.host, address.port), PATIENCE) as client:
        with suppress(BrokenPipeError, ConnectionResetError):  # the server has ended it while it was being sent to
            attack(client, ROUTES[route].encode())
        health = mount.api.http.get("/healthz").status_code
        statuses = ended(client)

    assert 200 == health
    assert set(statuses) <= {200, 400, 401, 404, 408, 413, 431}


@pytest.mark.parametrize("route", ROUTES)
def test_requests_in_a_row_are_answered_in_a_row(mount: Condemning, route: str) -> None:
    """A hundred at once: a hundred answers, or as many as come before the connection is closed."""
    line = ROUTES[route].encode()
    address = mount.api.address
    body = b"{}" if line.startswith(b"POST") else b""
    one = head(line, b"Content-Length: %d" % len(body)) + body
    last = head(line, b"Content-Length: %d" % len(body), b"Connection: close") + body
    count = 10 if route in LARGE else 100
    with socket.create_connection((address.host, address.port), PATIENCE) as client:
        client.sendall(one * (count - 1) + last)
        statuses = ended(client)

    assert count == len(statuses)
    assert 500 > max(statuses)


@pytest.mark.parametrize("route", LARGE)
def test_who_takes_no_answer_loses_the_connection(mount: Condemning, route: str) -> None:
    """Large answers are asked for and not taken: the server gives up, with no more of them in memory than one."""
    address = mount.api.address
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(PATIENCE)
        client.connect((address.host, address.port))
        for _ in range(100):
            client.sendall(head(ROUTES[route].encode()))

        until(lambda: gone(client), "the server gives the connection up", seconds=PATIENCE)


def ended(client: socket.socket) -> list[int]:
    """The statuses of all that came until the server ended the connection; a TimeoutError where it does not."""
    received = bytearray()
    with suppress(ConnectionResetError):
        while part := client.recv(65536):
            received += part
    return [int(part[:3]) for part in bytes(received).split(b"HTTP/1.1 ")[1:]]


def gone(client: socket.socket) -> bool:
    """Whether the server has ended the connection, though nothing was read from it."""
    try:
        client.sendall(b"G")
    except (BrokenPipeError, ConnectionResetError):
        return True
    return False


def _trickle(client: socket.socket, byte: bytes) -> None:
    for _ in range(int(PATIENCE / PAUSE)):
        client.sendall(byte)
        select.select([client], [], [], PAUSE)
