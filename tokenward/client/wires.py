"""The feed's servers: which of them is asked, over which connections, and how a wait on one is ended.

urllib3 does the HTTP and the TLS. Two things are ours: a connection can be cut from another thread, so that `stop` does
not wait for a long poll to end, and a server that asks for a rest gets it while another one is asked.
"""

import os
import random
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from urllib3 import HTTPConnectionPool, connection_from_url
from urllib3.connection import HTTPConnection, HTTPSConnection

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
    """One server of the feed, by its base URL, with a connection to it that is used again and again."""

    def __init__(self, url: str, tls: Tls, wires: Wires) -> None:
        self.base = urlsplit(url).path.rstrip("/")
        self.pool = _pool(url, tls, wires)
        #: Until when it asked not to be asked, in seconds of the steady clock.
        self.rests_until = 0.0


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
            server.pool.close()


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


def _pool(url: str, tls: Tls, wires: Wires) -> HTTPConnectionPool:
    secure = urlsplit(url).scheme == "https"
    files: Mapping[str, Any] = {
        "ca_certs": tls.ca_file,
        "cert_file": tls.cert_file,
        "key_file": tls.key_file,
        "cert_reqs": "CERT_REQUIRED",
    }
    pool = connection_from_url(url, maxsize=1, **(files if secure else {}))
    pool.ConnectionCls = _held(HTTPSConnection if secure else HTTPConnection, wires)
    return pool


def _held(kind: type[HTTPConnection], wires: Wires) -> type[HTTPConnection]:
    """The same kind of connection, but `wires` hold it while it is open."""

    class Held(kind):  # type: ignore[valid-type, misc]
        def connect(self) -> None:
            super().connect()
            wires.hold(self.sock)

    return Held


def _shut(one: socket.socket) -> None:
    # Closed or not connected already: nothing waits on it.
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
