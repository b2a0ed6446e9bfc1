"""The server's life: it starts, tells its port, drains and ends."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from api.server import SPARE_DESCRIPTORS, Address, run, serving
from tests.api.running import Running, clock, running
from tests.servers.process import end, listens, until


@contextmanager
def process() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server process that answers, and its port."""
    command = [sys.executable, "-m", "tests.api.served"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as served:
        try:
            assert served.stdout is not None
            port = int(served.stdout.readline())
            until(
                lambda: httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200, "the API is ready", seconds=10
            )
            yield served, port
        finally:
            if served.poll() is None:
                end(served)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_well(number: signal.Signals) -> None:
    """SIGTERM and Ctrl-C end the process with status 0, idle connections and all."""
    with process() as (served, port), httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        client.get("/healthz")
        served.send_signal(number)

        assert served.wait(10) == 0


def test_a_request_under_way_is_answered_before_the_end() -> None:
    """A question whose first half had come when SIGTERM came still gets its answer."""
    with process() as (served, port), socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(b"POST /v1/check HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        client.recv(100)
        served.terminate()
        until(lambda: not listens(port), "the server takes no more connections", seconds=5)
        client.sendall(b"{}")
        answer = client.recv(65536)

        assert (b"HTTP/1.1 200", 0) == (answer[:12], served.wait(10))


def test_readers_that_wait_do_not_hold_the_end_up() -> None:
    """At SIGTERM a poll that waits is answered and a stream ends, whole, instead of being cut off at the bound."""
    with (
        process() as (served, port),
        socket.create_connection(("127.0.0.1", port), 10) as poll,
        socket.create_connection(("127.0.0.1", port), 10) as stream,
    ):
        poll.sendall(b"GET /v1/revocations/changes?cursor=e1:0&wait=30 HTTP/1.1\r\nHost: x\r\n\r\n")
        stream.sendall(b"GET /v1/revocations/stream HTTP/1.1\r\nHost: x\r\n\r\n")
        url = f"http://127.0.0.1:{port}/metrics"
        waiting = ('readers{kind="poll"} 1.0', 'readers{kind="stream"} 1.0')
        until(lambda: all(line in httpx.get(url).text for line in waiting), "both wait", seconds=10)
        served.terminate()
        answers = [received(poll), received(stream)]

        assert (0, b'"cursor":"e1:0"}\n', b"\n\n\r\n0\r\n\r\n") == (served.wait(10), answers[0][-17:], answers[1][-9:])


def test_a_server_may_have_as_many_connections_as_it_takes() -> None:
    """A system that allows few open files by default does not turn readers away: the server asks for more."""
    program = (
        "import resource; from tests.api.running import running; from api.server import Limits\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (200, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))\n"
        "with running(limits=Limits(connections=300)): print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert 300 + SPARE_DESCRIPTORS == int(told.stdout)


def received(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    whole = b""
    while part := connection.recv(65536):
        whole += part
    return whole


def test_a_server_beside_others_ends_with_its_block() -> None:
    """After the block nobody listens any more, and the follower has ended."""
    with running() as api:
        pass

    assert (False, False) == (listens(api.address.port), api.followers.alive)


def test_a_taken_port_is_an_error() -> None:
    """Whoever starts a second server on one port is told at once."""
    app = Running(None, clock).app()
    with running() as api:
        with pytest.raises(OSError, match="in use"):
            run(app, port=api.address.port)
        with pytest.raises(OSError, match="in use"), serving(app, port=api.address.port):
            pass


def test_an_application_that_does_not_start_is_an_error() -> None:
    """A follower that cannot be started twice fails the start, and that is said."""
    parts = Running(None, clock)
    app = parts.app()
    with parts.followers:
        with pytest.raises(RuntimeError, match="did not start"), serving(app):
            pass
        with pytest.raises(RuntimeError, match="did not start"):
            run(app, port=0)


@pytest.mark.parametrize(
    ("address", "url"),
    [(Address("127.0.0.1", 80), "http://127.0.0.1:80"), (Address("::1", 8080), "http://[::1]:8080")],
)
def test_an_address_has_a_url(address: Address, url: str) -> None:
    """IPv6 addresses stand in brackets."""
    assert url == address.url
