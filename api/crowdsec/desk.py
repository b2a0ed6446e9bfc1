"""What is answered to bouncers: what is condemned, what changed since they asked last, and thanks for their metrics."""

import asyncio
import logging
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final, NamedTuple

import msgspec
from starlette.concurrency import run_in_threadpool

from api.body import BodyReader, Receive, Scope
from api.crowdsec.asked import Asked, asked
from api.crowdsec.bouncers import Bouncers, bouncer_of
from api.crowdsec.ledger import Ledger
from api.crowdsec.wire import Decision, Trouble, list_of, stream_of
from api.problems import Refused
from revocation.errors import RegistryUnavailable
from revocation.names import Names, Sealer
from revocation.replica import Replica

log = logging.getLogger(__name__)

METRICS_BYTES: Final = 1024 * 1024
"""Of one report, packed and unpacked: some thousand labelled counts."""
WHOLE: Final = 4
"""Answers about all decisions that are made at once; each is some 300 bytes a decision."""
GZIP: Final = 31
"""zlib's number for a gzip member."""


class Reply(NamedTuple):
    """An answer; `then` is done once it was sent."""

    status: HTTPStatus = HTTPStatus.OK
    body: bytes = b""
    then: Callable[[], None] = lambda: None


class Report(msgspec.Struct, frozen=True):
    """A report of metrics, as far as it is looked at."""

    remediation_components: list[dict[str, object]] | None = None
    log_processors: list[object] | None = None


class Desk:
    """Answers from `ledger`, whose names it looks for in `names`. `clock` gives epoch milliseconds."""

    def __init__(
        self, ledger: Ledger, names: Names, sealer: Sealer, replica: Replica, clock: Callable[[], int]
    ) -> None:
        self.bouncers = Bouncers()
        #: Reports of metrics taken.
        self.reports = 0
        self._ledger = ledger
        self._names = names
        self._sealer = sealer
        self._replica = replica
        self._clock = clock
        #: Answers about all decisions that are being made.
        self._whole = 0
        #: One asks for names at a time; whoever comes meanwhile waits for what it finds.
        self._naming = asyncio.Lock()
        self._body = BodyReader(METRICS_BYTES)
        self._decoder = msgspec.json.Decoder(Report)

    def figures(self) -> tuple[int, int, int, int, int]:
        """What the metrics show: bouncers, decisions, those without a name, entries dropped, reports."""
        live, nameless = self._ledger.counts()
        return len(self.bouncers), live, nameless, self._ledger.dropped, self.reports

    async def decisions(self, scope: Scope, receive: Receive) -> Reply:
        """`/v1/decisions`: what is condemned now, as far as it is asked for."""
        del receive
        await self._ready()
        if scope["method"] == "HEAD":
            return Reply()
        wanted = asked(scope)
        if wanted.address is not None:
            return Reply(body=list_of(list(filter(wanted.fits, self._ledger.at(wanted.address)))))
        async with self._one_of_few():
            return Reply(body=await run_in_threadpool(_listed, self._ledger, wanted))

    async def stream(self, scope: Scope, receive: Receive) -> Reply:
        """`/v1/decisions/stream`: what is new and what has ended since this bouncer asked last."""
        del receive
        await self._ready()
        if scope["method"] == "HEAD":
            return Reply()
        wanted, bouncer = asked(scope), bouncer_of(scope)
        after = None if wanted.startup else self.bouncers.mark(bouncer)
        async with self._one_of_few():
            body, mark = await run_in_threadpool(_streamed, self._ledger, wanted, after)
        return Reply(body=body, then=lambda: self.bouncers.told(bouncer, mark))

    async def usage(self, scope: Scope, receive: Receive) -> Reply:
        """`/v1/usage-metrics`: counted, and otherwise let go; the registry's own metrics say what was decided."""
        try:
            self._body.admit(scope)
            body = await self._body.join(await receive(), receive)
        except Refused as refused:
            raise Trouble(refused.problem.status, refused.problem.detail) from None
        try:
            report = self._decoder.decode(_unpacked(body) if _is_packed(scope) else body)
        except (msgspec.ValidationError, RecursionError):
            raise Trouble(HTTPStatus.UNPROCESSABLE_ENTITY, "The report is not of the form that is known.") from None
        except (msgspec.DecodeError, zlib.error):
            raise Trouble(HTTPStatus.BAD_REQUEST, "The body is no JSON.") from None
        if len(report.remediation_components or ()) != 1:
            raise Trouble(HTTPStatus.BAD_REQUEST, "A report is of one remediation component.")
        self.reports += 1
        return Reply(HTTPStatus.CREATED)

    async def heartbeat(self, scope: Scope, receive: Receive) -> Reply:
        """`/v1/heartbeat`: machines send it, bouncers need not; it costs nothing to say yes."""
        del scope, receive
        return Reply()

    async def _ready(self) -> None:
        """Wait for names that can be known.

        Raises:
            Trouble: nothing is known of the registry; an empty answer would lift every ban.
        """
        if self._replica.position is None:
            raise Trouble(HTTPStatus.SERVICE_UNAVAILABLE, "The registry's entries have not been received yet.")
        async with self._naming:
            if digests := self._ledger.nameless():
                try:
                    seals = await run_in_threadpool(self._names.find, digests, self._clock())
                except RegistryUnavailable as error:
                    log.warning("names wait", extra={"error": error.reason})
                    return
                opened = {digest: self._sealer.open(digest, seal) for digest, seal in seals.items()}
                self._ledger.name({digest: value for digest, value in opened.items() if value is not None})

    @asynccontextmanager
    async def _one_of_few(self) -> AsyncIterator[None]:
        if self._whole >= WHOLE:
            raise Trouble(HTTPStatus.SERVICE_UNAVAILABLE, "Too many ask at once; ask again in a second.")
        self._whole += 1
        try:
            yield
        finally:
            self._whole -= 1


def _listed(ledger: Ledger, wanted: Asked) -> bytes:
    return list_of(_wanted(ledger.all(), wanted))


def _streamed(ledger: Ledger, wanted: Asked, after: int | None) -> tuple[bytes, int]:
    new, deleted, mark = ledger.since(after)
    return stream_of(_wanted(new, wanted), _wanted(deleted, wanted)), mark


def _wanted(found: list[Decision], wanted: Asked) -> list[Decision]:
    return list(filter(wanted.fits, found))


def _is_packed(scope: Scope) -> bool:
    return any(name == b"content-encoding" and value.strip().lower() == b"gzip" for name, value in scope["headers"])


def _unpacked(body: bytes) -> bytes:
    """The text in a gzip body, no longer than a plain one may be."""
    unpacking = zlib.decompressobj(GZIP)
    text = unpacking.decompress(body, METRICS_BYTES)
    if unpacking.unconsumed_tail or not unpacking.eof:
        raise Trouble(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is cut off, or too large when unpacked.")
    return text
