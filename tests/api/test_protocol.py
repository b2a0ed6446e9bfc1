"""The server's bounds on what clients send: time, heads, connections."""

import socket
from contextlib import ExitStack

from api.server import Limits
from tests.api.running import TYPE, running

HEAD = b"POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
IMPATIENT = Limits(arrival_seconds=0.2)


def test_a_body_that_does_not_come_ends_the_connection() -> None:
    """Who sends half a request is told so, and loses the connection."""
    with running(limits=IMPATIENT) as api:
        answer = api.exchange(HEAD + b"\r\n{", responses=2)

    assert (b"HTTP/1.1 408", True) == (answer[:12], f"{TYPE}timeout".encode() in answer)


def test_a_head_that_does_not_come_ends_the_connection() -> None:
    """Half a head is not waited for, on a new connection as after an answer."""
    with running(limits=IMPATIENT) as api:
        answers = [api.exchange(HEAD, responses=2), api.exchange(HEAD + b"\r\n{}" + HEAD, responses=3)]

    assert [[b"408"], [b"200", b"408"]] == [[part[:3] for part in one.split(b"HTTP/1.1 ")[1:]] for one in answers]


def test_a_silent_connection_ends() -> None:
    """Who connects and says nothing is not waited for."""
    with running(limits=IMPATIENT) as api:
        assert b"" == api.exchange()


def test_a_body_nobody_reads_ends_the_connection() -> None:
    """What comes slowly after a refusal is not listened to for ever."""
    head = b"POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n"
    with running(limits=IMPATIENT) as api:
        answer = api.exchange(head, b"{", responses=2)

    assert [b"413"] == [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]


def test_an_idle_connection_is_kept_longer_than_a_request_may_take() -> None:
    """The deadline is a request's; between requests the keep-alive holds."""
    with running(limits=IMPATIENT) as api, socket.create_connection((api.address.host, api.address.port), 10) as client:
        client.sendall(HEAD + b"\r\n{}")
        first = client.recv(65536)
        client.settimeout(3 * IMPATIENT.arrival_seconds)
        try:
            silence = client.recv(1)
        except TimeoutError:
            silence = b"kept"

    assert (b"HTTP/1.1 200", b"kept") == (first[:12], silence)


def test_a_head_without_end_is_refused() -> None:
    """Headers beyond the limit are not collected."""
    lines = [b"x-%d: %b\r\n" % (number, b"y" * 1000) for number in range(40)]
    with running(limits=Limits(head_bytes=8192)) as api:
        answer = api.exchange(HEAD + b"".join(lines))

    assert (b"HTTP/1.1 431", True) == (answer[:12], f"{TYPE}headers_too_large".encode() in answer)


def test_what_is_not_http_is_a_bad_request() -> None:
    """Noise ends the connection."""
    with running() as api:
        assert b"HTTP/1.1 400" == api.exchange(b"\x16\x03\x01\x02\x00noise\r\n\r\n", responses=2)[:12]


def test_too_many_connections_do_not_harm_those_that_are_there() -> None:
    """The one too many is turned away; the others go on being answered."""
    with running(limits=Limits(connections=3)) as api, ExitStack() as stack:
        places = [
            stack.enter_context(socket.create_connection((api.address.host, api.address.port), 10)) for _ in range(3)
        ]
        turned_away = api.exchange(responses=2)
        answers = []
        for place in places:
            place.sendall(HEAD + b"\r\n{}")
            answers.append(place.recv(65536)[:12])

    assert (b"HTTP/1.1 503", [b"HTTP/1.1 200"] * 3) == (turned_away[:12], answers)
