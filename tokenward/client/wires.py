"""The feed's servers: which of them is asked, over which connections, and how a wait on one is ended.

The standard library does HTTP and TLS. Two things are ours: a connection can be cut from another thread, so that `stop`
does not wait for a long poll to end, and a server that asks for a rest gets it while another one is asked.
"""

import os
import random
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from pathlib import Path
from ssl import SSLContext, create_default_context
from urllib.parse import urlsplit

import msgspec

CONNECT_SECONDS = 3.0
LONGEST_REST = 30.0
"""Seconds that a server's `Retry-After` is heeded for, at the most."""
MOST_URLS = 16


class Tls(msgspec.Struct, frozen=True):
    """Files of certificates, in PEM; they are read again for each connection, so that they may be renewed."""

    #: Who may sign the server's certificate; None: whom the system trusts.
    ca_file: str | None = None
    #: What the client shows of itself, and the key to it.
    cert_file: str | None = None
    key_file: str | None = None

    def context(self) -> SSLContext:
        """What a connection is made with: certificates and host names are looked at, TLS 1.2 is the least.

        Raises:
            OSError: a file cannot be read, or does not hold what it should.
        """
        context = create_default_context(cafile=self.ca_file)
        if self.cert_file is not None:
            context.load_cert_chain(self.cert_file, self.key_file)
        return context


class Wires:
    """The open connections of one follower; one thread opens them, another may cut them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        #: Whether they were cut: no more is opened.
        self.cut_off = False

    def hold(self, opened: socket.socket) -> None:
        """Remember a connection that was opened; those closed meanwhile are forgotten."""
        with self._lock:
            self._sockets = [one for one in self._sockets if one.fileno() >= 0]
            self._sockets.append(opened)
            if self.cut_off:
                _shut(opened)

    def cut(self) -> None:
        """End what is waited for on any of them, now."""
        with self._lock:
            self.cut_off = True
            for one in self._sockets:
                _shut(one)

    def abandon(self) -> None:
        """Give this process's copies up after a fork: the connections are the parent's, and go on."""
        for one in self._sockets:
            if one.fileno() >= 0:
                os.close(one.detach())


class Server:
    """One server of the feed, by its base URL, with one connection to it that is used again and again."""

    def __init__(self, url: str, tls: Tls, wires: Wires) -> None:
        self._parts = urlsplit(url)
        self._tls = tls
        self._wires = wires
        self._connection: HTTPConnection | None = None
        #: Until when it asked not to be asked, in seconds of the steady clock.
        self.rests_until = 0.0

    def get(self, path: str, headers: Mapping[str, str], seconds: float) -> HTTPResponse:
        """The head of an answer; `seconds` may pass without a byte, then and in its body.

        Raises:
            OSError, HTTPException: there is none; `close` before the next attempt.
        """
        connection = self._connection
        if connection is None or connection.sock is None:
            connection = self._connection = self._connected()
        connection.sock.settimeout(seconds)
        connection.request("GET", self._parts.path.rstrip("/") + path, headers=headers)
        return connection.getresponse()

    def close(self) -> None:
        """Close the connection, if there is one; the next request opens another."""
        if self._connection is not None:
            self._connection.close()

    def _connected(self) -> HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        connection = (
            HTTPSConnection(host, port, timeout=CONNECT_SECONDS, context=self._tls.context())
            if self._parts.scheme == "https"
            else HTTPConnection(host, port, timeout=CONNECT_SECONDS)
        )
        connection.connect()
        self._wires.hold(connection.sock)
        return connection


class Servers:
    """All servers that tell of one registry, of which the first that answers is asked. `clock` is a steady one."""

    def __init__(self, urls: Sequence[str], tls: Tls, wires: Wires, clock: Callable[[], float]) -> None:
        self._servers = [Server(url, tls, wires) for url in urls]
        self._clock = clock
        self._turn = 0

    @property
    def asked(self) -> Server:
        """The one to ask now."""
        return self._servers[self._turn]

    def turn(self, rest: float = 0.0) -> None:
        """Ask another one from now on, this one not before `rest` seconds: the next that does not rest, if any."""
        now = self._clock()
        self.asked.rests_until = now + min(max(rest, 0.0), LONGEST_REST) * random.uniform(1.0, 1.2)  # noqa: S311 - spreads
        count = len(self._servers)
        order = [(self._turn + step) % count for step in range(1, count + 1)]
        self._turn = min(order, key=lambda at: max(self._servers[at].rests_until, now))

    @property
    def rest(self) -> float:
        """For how many seconds nobody may be asked."""
        return max(0.0, self.asked.rests_until - self._clock())

    def close(self) -> None:
        """Close all connections."""
        for server in self._servers:
            server.close()


def checked(urls: str | Sequence[str]) -> tuple[str, ...]:
    """The base URLs, if they are such.

    Raises:
        ValueError: there is none, or one of them is no plain http or https URL.
    """
    listed = (urls,) if isinstance(urls, str) else tuple(urls)
    if not 0 < len(listed) <= MOST_URLS:
        raise ValueError(f"A replica follows one to {MOST_URLS} URLs.")
    for url in listed:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("A replica's URL is like https://tokenward.example.com, without a query.")
        if parts.username is not None or parts.password is not None:
            raise ValueError("A replica's URL holds no name and no password; give them in `headers`.")
    return listed


def readable(*files: str | None) -> None:
    """Look whether these files can be read, now rather than with the first connection.

    Raises:
        OSError: one cannot.
    """
    for file in files:
        if file is not None:
            Path(file).open("rb").close()


def _shut(one: socket.socket) -> None:
    # Closed or not connected already: nothing waits on it.
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
