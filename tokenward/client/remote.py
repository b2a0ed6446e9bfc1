"""The feed as a client reads it: a snapshot, or the next changes, each checked whole before anything of it is used.

Every wait has an end: for a connection, for the next bytes, and for an answer as a whole. Sentences of errors name no
address and nothing of what was received.
"""

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, IncompleteRead
from io import BytesIO
from ssl import SSLEOFError, SSLError
from time import monotonic
from typing import BinaryIO, Final, NamedTuple, cast
from urllib.parse import quote

from revocation.errors import CursorLost, FeedBroken, RegistryUnavailable
from revocation.feed import Heard, decode_changes, decode_snapshot
from revocation.following import Stopped
from revocation.record import Position
from tokenward.client.wires import Servers, Tls, Wires

MEDIA_TYPE: Final = "application/x-ndjson"
PATH: Final = "/v1/revocations"
PAGE: Final = 1000
SILENCE_SECONDS: Final = 10.0
"""How long a server may say nothing, beyond what it was asked to wait."""
ASKED_TO_REST: Final = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}
PART: Final = 64 * 1024


class Bounds(NamedTuple):
    """What an answer may take, once it has begun."""

    seconds: float
    bytes: int


CHANGES: Final = Bounds(30.0, 16 * 1024 * 1024)
"""A page of 1,000 changes has some 300 KB."""
SNAPSHOT: Final = Bounds(300.0, 4 * 1024 * 1024 * 1024)
"""1,000,000 entries have some 55 MB compressed, 215 MB otherwise."""


class RemoteFeed:
    """Asks the feed's servers. For one thread; only `cut` and `abandon` are for others.

    `pause` waits for so many seconds, or until there is no more to wait for.
    """

    def __init__(
        self, urls: Sequence[str], name: str, tls: Tls, headers: Mapping[str, str], pause: Callable[[float], object]
    ) -> None:
        self._wires = Wires()
        self._servers = Servers(urls, tls, self._wires, monotonic)
        self._name = name
        self._headers = dict(headers)
        self._pause = pause

    def snapshot(self, spool: BinaryIO) -> Heard:
        """A snapshot, received into the empty file `spool`, from which its entries are decoded as they are consumed.

        Raises:
            RegistryUnavailable: the server gave none; the next call asks another.
            FeedBroken: it is not whole, or damaged.
            Stopped: it was cut.
        """
        packed = self._ask(PATH, spool, SNAPSHOT, wait=0, coding="gzip")
        spool.seek(0)
        file = cast("BinaryIO", gzip.GzipFile(fileobj=spool, mode="rb")) if packed else spool
        with self._whole():
            return decode_snapshot(file)

    def changes(self, position: Position, wait: float) -> Heard:
        """What changed after a position, waiting up to so many seconds for a first change.

        Asking for what comes after a position says that everything up to it is applied here.

        Raises:
            CursorLost: only a snapshot helps.
            RegistryUnavailable, FeedBroken, Stopped: as for a snapshot.
        """
        into = BytesIO()
        path = f"{PATH}/changes?cursor={quote(str(position), safe=':,')}&wait={wait}&limit={PAGE}&replica={self._name}"
        self._ask(path, into, CHANGES, wait=wait, coding="identity")
        with self._whole():
            return decode_changes(into.getvalue(), position)

    def cut(self) -> None:
        """End what is under way, and whatever is asked later, at once."""
        self._wires.cut()

    def abandon(self) -> None:
        """Let the connections be: they are those of the process that this one was forked from."""
        self._wires.abandon()

    def close(self) -> None:
        """Close the connections, when nobody asks any more."""
        self._servers.close()

    def _ask(self, path: str, into: BinaryIO, bounds: Bounds, *, wait: float, coding: str) -> bool:
        """Receive an answer's body; says whether it is packed. A server that fails has another one asked next."""
        if self._servers.rest > 0:
            self._pause(self._servers.rest)
        if self._wires.cut_off:
            raise Stopped
        server = self._servers.asked
        headers = {**self._headers, "Accept": MEDIA_TYPE, "Accept-Encoding": coding}
        try:
            response = server.get(path, headers, wait + SILENCE_SECONDS)
            self._accept(response)
            self._receive(response, into, bounds)
        except BaseException as error:
            # Nobody will read the rest of it.
            server.close()
            if isinstance(error, OSError | HTTPException):
                raise self._failed(error) from None
            raise
        return response.getheader("Content-Encoding", "identity") != "identity"

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """What is decoded here must be whole; a server whose answer is not has another one asked next."""
        try:
            yield
        except (FeedBroken, EOFError, zlib.error, gzip.BadGzipFile):
            self._servers.turn()
            raise FeedBroken("The feed is cut off, damaged, or not what was asked for.") from None

    def _accept(self, response: HTTPResponse) -> None:
        """Let pass what is an answer; whatever else it is, is raised."""
        if response.status == HTTPStatus.GONE:
            raise CursorLost("The feed no longer has what comes after the cursor.")
        media_type = response.getheader("Content-Type", "").partition(";")[0].strip()
        if response.status == HTTPStatus.OK and media_type == MEDIA_TYPE:
            return
        wanted = response.getheader("Retry-After", "")
        rests = response.status in ASKED_TO_REST and wanted.isdecimal()
        self._servers.turn(float(wanted[:4]) if rests else 0.0)
        raise RegistryUnavailable(f"The feed's server answered with status {response.status} and no feed.")

    def _receive(self, response: HTTPResponse, into: BinaryIO, bounds: Bounds) -> None:
        until = monotonic() + bounds.seconds
        # What comes is taken as it comes, so that a server that trickles is noticed.
        while part := response.read1(PART):
            _keep(into, part)
            if monotonic() > until or into.tell() > bounds.bytes:
                self._servers.turn()
                raise RegistryUnavailable("The feed's server is too slow, or does not end.")
        if response.length:
            raise IncompleteRead(b"", response.length)
        # `read1` leaves that to the caller; without it the connection would not be used again.
        response.close()

    def _failed(self, error: OSError | HTTPException) -> Exception:
        """What to raise for it."""
        if self._wires.cut_off:
            return Stopped()
        self._servers.turn()
        if isinstance(error, SSLError) and not isinstance(error, SSLEOFError):
            return RegistryUnavailable("The feed's server and this client do not accept each other's certificates.")
        if isinstance(error, TimeoutError):
            return RegistryUnavailable("The feed's server did not answer in time.")
        return RegistryUnavailable("The feed's server cannot be reached, or broke the connection off.")


def _keep(into: BinaryIO, part: bytes) -> None:
    try:
        into.write(part)
    except OSError as error:
        raise RegistryUnavailable("A snapshot cannot be kept: the folder for temporary files takes no more.") from error
