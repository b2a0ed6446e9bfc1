"""`GET /v1/revocations/stream`: the changes as Server-Sent Events, with heartbeats that say how old all of it is.

A stream is a position and nothing else: a reader that is slow is sent what comes after its position when it has taken
what came before, from memory or from the registry, and is sent for a snapshot when neither goes back so far.
"""

import asyncio

from api.body import Receive, Scope, Send
from api.feed.asked import admit, start_of
from api.feed.lines import heartbeat
from api.feed.reader import Reader
from api.feed.readers import Readers, Shared
from api.feed.recent import Page
from api.feed.waiters import Client
from api.problems import RESYNC, Refused
from revocation.errors import RegistryUnavailable
from revocation.record import Cursor, Position

EVENTS = 250
"""The most events that are written at once."""
SHARED_MS = 1000

_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    # nginx would wait for a full buffer otherwise.
    (b"x-accel-buffering", b"no"),
]


class Stream:
    """Serves streams; `heartbeat_s` seconds pass at most between two heartbeats of each."""

    def __init__(self, reader: Reader, readers: Readers, heartbeat_s: float) -> None:
        self._reader = reader
        self._readers = readers
        self._heartbeat_s = heartbeat_s
        self._shared = Shared(_events, SHARED_MS)
        self._restarts = 0
        #: Set when the server ends: streams end with what they have sent.
        self.ending = False

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One stream, until it is lost, the client leaves or the server ends."""
        admit(scope)
        newest = self._reader.position()
        position = start_of(scope) or newest
        if scope["method"] == "HEAD":
            await _begin(send)
            await send({"type": "http.response.body", "body": b""})
            return
        with self._readers.one("stream"):
            restarts = self._reader.recent.restarts
            page = await self._after(position)
            await _begin(send)
            client = Client(receive)
            try:
                await self._tell(page, position, restarts, client, send)
            finally:
                client.close()
            await send({"type": "http.response.body", "body": b""})

    async def _tell(self, page: Page | None, position: Position, restarts: int, client: Client, send: Send) -> None:
        """Send page after page, and heartbeats; returns when the stream is to end."""
        recent, now = self._reader.recent, asyncio.get_running_loop().time
        beat_at = now()
        while not client.left and not self.ending:
            if page is None or not self._reader.same_past(position, restarts):
                self._readers.resyncs += 1
                await _send(send, b"event: resync\ndata: %b\n\n" % heartbeat(position, self._reader.age()))
                return
            restarts, version = recent.restarts, recent.version
            if page.parts:
                await _send(send, self._text(page))
                position = page.end
            if now() >= beat_at:
                beat = heartbeat(position, self._reader.age())
                await _send(send, b"id: %b\nevent: heartbeat\ndata: %b\n\n" % (str(position).encode(), beat))
                beat_at = now() + self._heartbeat_s
            if not page.parts and recent.version == version:
                await client.wait(recent.news, beat_at - now())
            try:
                page = await self._after(position)
            except RegistryUnavailable:
                # The client comes again with its position, and is told so.
                return

    async def _after(self, position: Position) -> Page | None:
        """What comes next; None: only a snapshot helps."""
        try:
            return await self._reader.after(position, EVENTS)
        except Refused as refused:
            if refused.problem is not RESYNC:
                raise
            return None

    def _text(self, page: Page) -> bytes:
        if self._restarts != self._reader.recent.restarts:
            self._shared.clear()
            self._restarts = self._reader.recent.restarts
        return self._shared.text(page, self._reader.age().at)


async def _begin(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})


async def _send(send: Send, text: bytes) -> None:
    await send({"type": "http.response.body", "body": text, "more_body": True})


def _events(page: Page) -> bytes:
    """The page's changes as events; the id of each is the position after it."""
    cursors = list(page.start.cursors)
    events: list[bytes] = []
    for shard, after, lines in page.parts:
        before = ("".join(f"{cursor}," for cursor in cursors[:shard]) + f"{cursors[shard].epoch}:").encode()
        behind = "".join(f",{cursor}" for cursor in cursors[shard + 1 :]).encode()
        events += [
            b"id: %b%d%b\nevent: change\ndata: %b\n" % (before, seq, behind, line)
            for seq, line in enumerate(lines, after + 1)
        ]
        cursors[shard] = Cursor(cursors[shard].epoch, after + len(lines))
    return b"".join(events)
