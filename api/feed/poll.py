"""`GET /v1/revocations/changes`: what comes after a position, at once or as soon as there is something.

A poll that finds nothing holds one future, one timer and one task until it is answered; those that wait at the same
place are answered with the same bytes.
"""

import asyncio

from api.body import Receive, Scope, Send
from api.feed.asked import Asked, admit, poll_of
from api.feed.lines import MEDIA_TYPE, changes_body
from api.feed.reader import Reader
from api.feed.readers import Readers, Shared
from api.feed.recent import Page
from api.feed.replicas import Replicas
from api.feed.waiters import Client
from api.problems import RESYNC, Refused
from api.raw import NO_STORE

SHARED_MS = 100
"""How long an answer is good for other readers; its `at` says when it was made."""


class Poll:
    """Answers polls."""

    def __init__(self, reader: Reader, readers: Readers, replicas: Replicas) -> None:
        self._reader = reader
        self._readers = readers
        self._replicas = replicas
        self._shared = Shared(self._body, SHARED_MS)
        self._restarts = 0
        #: Set when the server ends: nobody waits any more.
        self.ending = False

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One poll."""
        admit(scope)
        asked = poll_of(scope)
        self._reader.position()
        if scope["method"] == "HEAD":
            asked = asked._replace(wait=0.0)
        elif asked.replica is not None:
            self._replicas.acknowledge(asked.replica, asked.cursor)
        page = await self._page(asked, receive)
        if page is not None:
            body = self._text(page)
            headers = [(b"content-type", MEDIA_TYPE), NO_STORE, (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def _page(self, asked: Asked, receive: Receive) -> Page | None:
        """What the poll is answered with; None: the client has left."""
        restarts = self._reader.recent.restarts
        page = await self._reader.after(asked.cursor, asked.limit)
        if page.parts or asked.wait == 0 or self.ending:
            return page
        with self._readers.one("poll"):
            client = Client(receive)
            try:
                return await self._awaited(asked, client, restarts)
            finally:
                client.close()

    async def _awaited(self, asked: Asked, client: Client, restarts: int) -> Page | None:
        recent, now = self._reader.recent, asyncio.get_running_loop().time
        deadline = now() + asked.wait
        while True:
            await client.wait(recent.news, deadline - now())
            if client.left:
                return None
            if not self._reader.same_past(asked.cursor, restarts):
                raise Refused(RESYNC)
            restarts = recent.restarts
            page = await self._reader.after(asked.cursor, asked.limit)
            if page.parts or self.ending or now() >= deadline:
                return page

    def _text(self, page: Page) -> bytes:
        if self._restarts != self._reader.recent.restarts:
            self._shared.clear()
            self._restarts = self._reader.recent.restarts
        return self._shared.text(page, self._reader.age().at)

    def _body(self, page: Page) -> bytes:
        return changes_body(page, self._reader.age())
