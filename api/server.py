"""Serves the application by uvicorn, everything bounded: `run` in the main thread, `serving` beside other work."""

import gc
import resource
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from uvicorn import Config, Server

from api.protocol import ARRIVAL_SECONDS, CONNECTIONS, HEAD_BYTES, UNTAKEN_SECONDS, bounded

Application = Callable[..., Any]

DRAIN_SECONDS = 4
"""What answers under way may still take after SIGTERM; with the follower's end, up to 5 s, it stays below ten."""
START_SECONDS = 10.0
STOP_SECONDS = 10.0
SPARE_DESCRIPTORS = 256
"""For what is no connection of a client: libraries, the registry's connections, the log."""
TURN_SECONDS = 0.0005
"""A thread runs so long while another wants to. The follower asks for its turn at each of a dozen steps until a change
is in the replica; at Python's 5 ms that is too long while the loop answers hundreds of requests."""
NOT_STARTED = "The API did not start; its log says why."


@dataclass(frozen=True)
class Limits:
    """What the server takes from its clients."""

    #: Connections at once; further ones are turned away.
    connections: int = CONNECTIONS
    #: Connections that the kernel keeps waiting while the loop is busy.
    backlog: int = 1024
    #: Bytes of a request's line and headers.
    head_bytes: int = HEAD_BYTES
    #: Seconds within which a request must have arrived whole.
    arrival_seconds: float = ARRIVAL_SECONDS
    #: Seconds that a client may take nothing of an answer.
    untaken_seconds: float = UNTAKEN_SECONDS
    #: Seconds that an idle connection is kept; longer than a gateway's own 60, so that the gateway is the one to close.
    keep_alive_seconds: int = 75


@dataclass(frozen=True)
class Tls:
    """Files in PEM by which connections are encrypted; read once, when the server starts."""

    certfile: Path
    keyfile: Path
    #: Who may sign clients' certificates; None: clients are not asked for one. Those without one are let in, too.
    client_cafile: Path | None = None


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    host: str
    port: int
    scheme: str = "http"

    @property
    def url(self) -> str:
        """The base of its URLs, without a slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


def run(
    app: Application,
    host: str = "127.0.0.1",
    port: int = 8080,
    *,
    limits: Limits | None = None,
    tls: Tls | None = None,
    on_listening: Callable[[Address], None] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drain within `DRAIN_SECONDS` and return. Only in the main thread.

    `on_listening` is called once the port (0: a free one) is bound; connections queue from then on.

    Raises:
        OSError: the address cannot be bound, or a file of `tls` is not usable.
        RuntimeError: the application did not start.
    """
    server, listener, address = _prepare(app, host, port, limits or Limits(), tls)
    sys.setswitchinterval(TURN_SECONDS)
    keep_loaded()

    def end(_: int, __: FrameType | None) -> None:
        server.should_exit = True

    # uvicorn takes both signals over while it serves, and raises them again when it has drained: to these.
    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        if on_listening is not None:
            on_listening(address)
        server.run(sockets=[listener])
        if not server.started:
            raise RuntimeError(NOT_STARTED)
    finally:
        listener.close()
        for number, previous in before.items():
            signal.signal(number, previous)


def keep_loaded() -> None:
    """What was loaded until now stays: to look through it for garbage would stop a process for a tenth of a second."""
    gc.collect()
    gc.freeze()


@contextmanager
def serving(
    app: Application,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    limits: Limits | None = None,
    tls: Tls | None = None,
) -> Iterator[Address]:
    """Serve in a thread of its own while the block runs; yields the address once requests are answered.

    Raises:
        OSError: the address cannot be bound.
        RuntimeError: the application did not start, or did not end, in time.
    """
    server, listener, address = _prepare(app, host, port, limits or Limits(), tls)
    thread = threading.Thread(target=server.run, args=([listener],), name="api", daemon=True)
    thread.start()
    try:
        if not server.settled.wait(START_SECONDS) or not server.started:
            raise RuntimeError(NOT_STARTED)
        yield address
    finally:
        server.should_exit = True
        thread.join(STOP_SECONDS)
        listener.close()
    if thread.is_alive():
        raise RuntimeError("The API did not end in time.")


class _Server(Server):
    """uvicorn's server, which says when it has started, or has ended without."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.settled = threading.Event()

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        # A failed start is an exit to uvicorn; whoever called sees that `started` is not set.
        with suppress(SystemExit):
            super().run(sockets)
        self.settled.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # What waits for news, and streams, would hold the drain up to its bound.
        end = getattr(self.config.app, "end", None)
        if end is not None:
            end()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.settled.set()


def _allow_descriptors(wanted: int) -> None:
    """Let this process open so many files more, as far as it may: many systems begin with 1,024 in all."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = wanted + SPARE_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < enough:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (enough if hard == resource.RLIM_INFINITY else min(enough, hard), hard)
        )


def _prepare(
    app: Application, host: str, port: int, limits: Limits, tls: Tls | None
) -> tuple[_Server, socket.socket, Address]:
    config = _config(app, limits, tls)
    config.load()  # so that a certificate that cannot be used is found before anything listens
    _allow_descriptors(limits.connections)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=limits.backlog)
    listener.setblocking(False)
    address = Address(host, listener.getsockname()[1], "http" if tls is None else "https")
    return _Server(config), listener, address


def _config(app: Application, limits: Limits, tls: Tls | None) -> Config:
    files: dict[str, Any] = {}
    if tls is not None:
        files = {"ssl_certfile": tls.certfile, "ssl_keyfile": tls.keyfile}
        if tls.client_cafile is not None:
            # One that is shown has to be good; that one is shown at all, the gate asks where no key is.
            files |= {"ssl_ca_certs": str(tls.client_cafile), "ssl_cert_reqs": ssl.CERT_OPTIONAL}
    return Config(
        app,
        http=bounded(limits.head_bytes, limits.arrival_seconds, limits.connections, limits.untaken_seconds),
        loop="uvloop",
        ws="none",
        lifespan="on",
        interface="asgi3",
        # Logging is the roof's; requests are counted, not logged, as their queries may name people.
        log_config=None,
        access_log=False,
        server_header=False,
        # The client's address is not looked at, so no header may say another.
        proxy_headers=False,
        backlog=limits.backlog,
        timeout_keep_alive=limits.keep_alive_seconds,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        **files,
    )
