"""A proxy between a replica and the real API that does to answers what networks and their boxes do, and speaks TLS."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from api.server import Address


class Reply(NamedTuple):
    """An answer on its way; `length` is what its head promises, `pieces` are what is sent."""

    status: int
    headers: dict[str, str]
    pieces: list[bytes]
    length: int


Fault = Callable[[Reply], Reply]


def untouched(reply: Reply) -> Reply:
    """Passes the answer on."""
    return reply


def cut_off(reply: Reply) -> Reply:
    """Breaks off in the middle of the body."""
    body = b"".join(reply.pieces)
    return reply._replace(pieces=[body[: len(body) // 2]])


def shortened(reply: Reply) -> Reply:
    """Sends half of the body as if it were all of it."""
    return resized(reply, lambda body: body[: len(body) // 2])


def without_the_end(reply: Reply) -> Reply:
    """Leaves the last line out, as if that were all."""
    return resized(reply, lambda body: b"".join(body.splitlines(keepends=True)[:-1]))


def damaged(reply: Reply) -> Reply:
    """Turns what is refused into what is released."""
    return resized(reply, lambda body: body.replace(b'"revoked"', b'"released","released_at":1795427100000'))


def in_crumbs(reply: Reply) -> Reply:
    """Sends a few bytes at a time."""
    body = b"".join(reply.pieces)
    return reply._replace(pieces=[body[start : start + 7] for start in range(0, len(body), 7)])


def of_another_type(reply: Reply) -> Reply:
    """Answers with a page, as a captive portal does."""
    return resized(reply._replace(headers={"Content-Type": "text/html"}), lambda _: b"<html>Sign in.</html>")


def answering(status: int, **headers: str) -> Fault:
    """Answers with that status instead."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: Reply(status, fields, [b"{}"], 2)


def resized(reply: Reply, change: Callable[[bytes], bytes]) -> Reply:
    """The answer with another body, of which the head tells truly."""
    body = change(b"".join(reply.pieces))
    return reply._replace(pieces=[body], length=len(body))


class Between(ThreadingHTTPServer):
    """The proxy. `fault` may be changed at any time; `asked` are the paths, with their queries, in order."""

    daemon_threads = True

    def __init__(self, upstream: Address, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.fault: Fault = untouched
        self.asked: list[str] = []
        #: The headers of the last request.
        self.headers: dict[str, str] = {}
        #: Whether the upstream's answers are asked for as they are, so that a fault finds text.
        self.plain = False
        #: Set when answers may be sent: clear it and nobody is answered.
        self.speaks = threading.Event()
        self.speaks.set()
        self._connections: list[socket.socket] = []
        self._tls = tls
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self) -> str:
        """The base of its URLs."""
        return f"{'http' if self._tls is None else 'https'}://127.0.0.1:{self.server_address[1]}"

    def get_request(self) -> tuple[socket.socket, object]:
        """The next connection, remembered."""
        connection, address = super().get_request()
        self._connections.append(connection)
        return connection, address

    def drop(self) -> None:
        """Break all connections off, as a process does that is killed."""
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that left, or that was not let in, is not worth a line."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Between

    def do_GET(self) -> None:
        between = self.server
        between.asked.append(self.path)
        between.headers = dict(self.headers)
        fetched = self._fetched(between)
        reply = between.fault(fetched)
        while not between.speaks.wait(0.05):
            pass
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(reply.length))
        self.end_headers()
        for piece in reply.pieces:
            self.wfile.write(piece)
        self.close_connection = sum(map(len, reply.pieces)) != reply.length

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Nothing is logged."""

    def _fetched(self, between: Between) -> Reply:
        upstream = HTTPConnection(between.upstream.host, between.upstream.port, timeout=40)
        try:
            headers = {} if between.plain else {"Accept-Encoding": self.headers.get("Accept-Encoding", "identity")}
            upstream.request("GET", self.path, headers=headers)
            response = upstream.getresponse()
            body = response.read()
            kept = {name: value for name, value in response.getheaders() if name.lower().startswith("content-")}
            kept = {name: value for name, value in kept.items() if name.lower() != "content-length"}
            return Reply(response.status, kept, [body], len(body))
        except OSError:
            return Reply(502, {}, [], 0)
        finally:
            upstream.close()


@contextmanager
def between(upstream: Address, tls: ssl.SSLContext | None = None) -> Iterator[Between]:
    """Run the proxy while the block runs."""
    proxy = Between(upstream, tls)
    thread = threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.speaks.set()
        proxy.shutdown()
        proxy.drop()
        thread.join(10)
        proxy.server_close()
