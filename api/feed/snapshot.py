"""`GET /v1/revocations`: the whole, for a replica that has nothing, or nothing that it could go on from.

Memory is bounded: two snapshots at most, the one being read and the one being made, each about 60 bytes an entry, and
for each reader what its connection buffers.
"""

import asyncio
import weakref
from collections.abc import Iterator

from starlette.concurrency import run_in_threadpool

from api.body import Receive, Scope, Send
from api.feed.asked import admit, takes_gzip
from api.feed.lines import MEDIA_TYPE, Age, entry_lines
from api.feed.reader import Reader
from api.feed.readers import Readers
from api.feed.whole import Piece, Whole, pack, whole
from api.problems import BUSY, Refused
from api.raw import NO_STORE
from revocation.replica import Replica

ROWS = 200
"""Rows that are encoded before checks have their turn: less than a millisecond."""
ATTEMPTS = 3
"""How often a snapshot is begun anew, when the registry lost its past while it was made."""
ALIVE = 2
"""Snapshots in memory at once; one that is still being read counts."""
READING_SECONDS = 600.0
"""A reader that has not taken everything by then is cut off, as it keeps the snapshot in memory."""


class Snapshots:
    """Makes snapshots of `replica`, and shares each for `share_s` seconds."""

    def __init__(self, replica: Replica, reader: Reader, readers: Readers, share_s: float) -> None:
        self._replica = replica
        self._reader = reader
        self._readers = readers
        self._share_s = share_s
        self._latest: Whole | None = None
        #: When the latest was made, by the loop's clock, and of how many restarts it knows.
        self._made_at = 0.0
        self._made_in = 0
        self._making: asyncio.Task[Whole] | None = None
        self._alive: weakref.WeakSet[Whole] = weakref.WeakSet()

    async def serve(self, scope: Scope, _: Receive, send: Send) -> None:
        """One reader."""
        admit(scope)
        self._reader.position()
        gzip = takes_gzip(scope)
        headers = [(b"content-type", MEDIA_TYPE), NO_STORE, (b"vary", b"accept-encoding")]
        headers += [(b"content-encoding", b"gzip")] if gzip else []
        if scope["method"] == "HEAD":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        with self._readers.one("snapshot"):
            found = await self._current()
            packed, plain = found.sizes()
            headers.append((b"content-length", b"%d" % (packed if gzip else plain)))
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await _send(found.packed() if gzip else found.plain(), send)

    async def _current(self) -> Whole:
        """The latest one if it is young, else a new one, which everyone who comes meanwhile waits for, too.

        Raises:
            Refused: older ones are still being read, and none can be gone on from.
        """
        if self._making is None:
            latest = self._latest
            young = asyncio.get_running_loop().time() - self._made_at < self._share_s
            if latest is not None and self._goes_on(latest) and (young or len(self._alive) >= ALIVE):
                return latest
            self._latest = latest = None
            if len(self._alive) >= ALIVE:
                raise Refused(BUSY)
            self._making = asyncio.create_task(self._made())
            self._making.add_done_callback(self._keep)
        # A reader that leaves does not end it for the others.
        return await asyncio.shield(self._making)

    def _goes_on(self, latest: Whole) -> bool:
        """Whether all that changed since is still in memory."""
        recent = self._reader.recent
        held = all(log.holds(cursor) for log, cursor in zip(recent.logs, latest.position.cursors, strict=True))
        return held and recent.restarts == self._made_in

    async def _made(self) -> Whole:
        recent = self._reader.recent
        for _ in range(ATTEMPTS):
            restarts, position, heard = recent.restarts, self._reader.position(), self._replica.fresh_at
            pieces, count = await self._pieces()
            if recent.restarts == restarts:
                now = self._reader.age().at
                # As old as when the first row was read.
                made = await run_in_threadpool(whole, position, pieces, count, Age(now, max(0, now - heard)))
                self._made_in = restarts
                return made
        raise Refused(BUSY)

    async def _pieces(self) -> tuple[list[Piece], int]:
        """All rows, in slices between which everything else has its turn.

        What changes meanwhile may be in it or not: it comes again as a change after the position.
        """
        pieces: list[Piece] = []
        count = 0
        start = 0
        # The size is asked again and again: where a shard grows, the rows of those behind it move on.
        while start < self._replica.size:
            rows = self._replica.rows(start, start + ROWS)
            start += ROWS
            if rows:
                pieces.append(await run_in_threadpool(pack, entry_lines(rows)))
                count += len(rows)
        return pieces, count

    def _keep(self, making: "asyncio.Task[Whole]") -> None:
        self._making = None
        if not making.cancelled() and making.exception() is None:
            self._latest = made = making.result()
            self._made_at = asyncio.get_running_loop().time()
            self._alive.add(made)


async def _send(pieces: Iterator[bytes], send: Send) -> None:
    try:
        async with asyncio.timeout(READING_SECONDS):
            for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                # A socket that takes everything would keep the loop from all others.
                await asyncio.sleep(0)
    except TimeoutError:
        # Without the last word the server closes the connection, and the client knows by the missing end line.
        return
    await send({"type": "http.response.body", "body": b""})
