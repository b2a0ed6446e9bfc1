"""uvicorn's HTTP/1.1 connection, bounded: the time a request may take to arrive, its head, the connections at once.

uvicorn bounds what an application answers, not what a client sends or takes: a head or a body that trickles in, or an
answer that is not fetched, would hold its connection for ever. The bounds cost nothing where a request arrives whole
and its answer fits into the socket: one look at each piece that was received.
"""

import asyncio
from typing import ClassVar, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from api.access.certificates import Certificate, certificate_of
from api.problems import BUSY, HEADERS_TOO_LARGE, MEDIA_TYPE, TIMEOUT, Problem

HEAD_BYTES = 32 * 1024
ARRIVAL_SECONDS = 10.0
UNTAKEN_SECONDS = 30.0
CONNECTIONS = 4096
"""A thousand that wait or stream, each with more connections for checks, and those of a process that has just ended."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection of one client. A class of its own per server: `bounded` sets the limits."""

    #: What a request's line and headers may take, give or take one piece as the loop receives it.
    head_bytes: ClassVar[int] = HEAD_BYTES
    #: From the first byte that is awaited to the last of the body.
    arrival_seconds: ClassVar[float] = ARRIVAL_SECONDS
    #: How long a client may take nothing of an answer that is waiting for it: some 50 KB.
    untaken_seconds: ClassVar[float] = UNTAKEN_SECONDS
    #: More than these are turned away at the door: a flood of new ones takes nothing from gateways that have theirs.
    max_connections: ClassVar[int] = CONNECTIONS

    #: Runs while a request is awaited whole; None between requests.
    _deadline: asyncio.TimerHandle | None = None
    #: Runs while the socket takes no more.
    _untaken: asyncio.TimerHandle | None = None
    #: Bytes of an unfinished head so far; None outside of one.
    _head: int | None = None
    #: Whether a request has begun and not arrived whole.
    _arriving = False
    #: What the client showed when the connection was made; nothing that comes over it later can say so.
    _certificate: Certificate | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Open the connection, or turn it away."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self._turn_away(BUSY)
            return
        self._certificate = certificate_of(transport.get_extra_info("peercert"))
        self._deadline = self.loop.call_later(self.arrival_seconds, self._overdue)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines with the connection."""
        self._disarm()
        self._taken()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a piece of a request, or several requests."""
        super().data_received(data)
        if not self._arriving:
            self._disarm()
            return
        if self._head is not None:
            self._head += len(data)
            if self._head > self.head_bytes:
                self._turn_away(HEADERS_TOO_LARGE)
                return
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.arrival_seconds, self._overdue)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._arriving = True
        self._head = 0
        super().on_message_begin()
        if self._certificate is not None:
            self.scope["state"]["certificate"] = self._certificate

    def on_headers_complete(self) -> None:
        """Its head is whole."""
        self._head = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """It is whole."""
        self._arriving = False
        super().on_message_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """Nothing is upgraded here; whoever asks for it gets an answer, and does not fill the log."""

    def pause_writing(self) -> None:
        """The client takes less than it is sent."""
        super().pause_writing()
        self._untaken = self.loop.call_later(self.untaken_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It has taken most of it."""
        self._taken()
        super().resume_writing()

    def _taken(self) -> None:
        if self._untaken is not None:
            self._untaken.cancel()
            self._untaken = None

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _overdue(self) -> None:
        self._deadline = None
        self._turn_away(TIMEOUT if self._arriving else None)

    def _turn_away(self, problem: Problem | None) -> None:
        """Close, with a word on why where no answer is under way."""
        self._disarm()
        if self.transport.is_closing():
            return
        if problem is not None and self._may_speak():
            self.transport.write(_response(problem))
        self.transport.close()

    def _may_speak(self) -> bool:
        """Whether a response written now is the one that the client awaits next."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is None:
            return True
        # Within a head, the cycle is still that of the request before.
        return cycle.response_complete if self._head is not None else not cycle.response_started


def bounded(
    head_bytes: int = HEAD_BYTES,
    arrival_seconds: float = ARRIVAL_SECONDS,
    max_connections: int = CONNECTIONS,
    untaken_seconds: float = UNTAKEN_SECONDS,
) -> type[BoundedProtocol]:
    """The protocol with these limits."""
    limits = {
        "head_bytes": head_bytes,
        "arrival_seconds": arrival_seconds,
        "max_connections": max_connections,
        "untaken_seconds": untaken_seconds,
    }
    return type("BoundedProtocol", (BoundedProtocol,), limits)


def _response(problem: Problem) -> bytes:
    """A whole response, after which the connection ends."""
    body = problem.body()
    lines = [f"{name}: {value}\r\n" for name, value in problem.headers]
    lines.append(f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n")
    return STATUS_LINE[problem.status] + "".join(lines).encode() + body
