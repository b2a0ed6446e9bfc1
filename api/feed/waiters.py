"""Readers that have everything and wait for more: woken a few at a time, so that checks have their turn in between."""

import asyncio
from collections import deque

from api.body import Receive

WOKEN = 10
"""Readers woken in one turn of the loop: well below a millisecond until all of them have been answered."""


class Client:
    """One waiting reader: whether it has left, and what it waits for."""

    def __init__(self, receive: Receive) -> None:
        #: Set when the connection was closed from the other side.
        self.left = False
        self._receive = receive
        self._waits: asyncio.Future[None] | None = None
        self._watch = asyncio.create_task(self._watched())

    async def wait(self, news: "Waiters", seconds: float) -> None:
        """Return when there is news, the client has left, or the time is over."""
        if self.left or seconds <= 0:
            return
        loop = asyncio.get_running_loop()
        self._waits = waits = news.join()
        timer = loop.call_later(seconds, settle, waits)
        try:
            await waits
        finally:
            timer.cancel()
            self._waits = None
            news.leave(waits)

    def close(self) -> None:
        """Look no longer whether it leaves."""
        self._watch.cancel()

    async def _watched(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.left = True
        if self._waits is not None:
            settle(self._waits)


class Waiters:
    """All that wait for the same news."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], None] = {}
        #: Those that are to be woken; a turn of the loop takes some of them.
        self._due: deque[asyncio.Future[None]] = deque()

    def join(self) -> asyncio.Future[None]:
        """A future that is settled by the next news."""
        waits = asyncio.get_running_loop().create_future()
        self._waiting[waits] = None
        return waits

    def leave(self, waits: asyncio.Future[None]) -> None:
        """Wait no longer."""
        self._waiting.pop(waits, None)

    def wake(self) -> None:
        """There is news."""
        if not self._waiting:
            return
        running = bool(self._due)
        self._due.extend(self._waiting)
        self._waiting.clear()
        if not running:
            self._pump()

    def _pump(self) -> None:
        for _ in range(min(WOKEN, len(self._due))):
            settle(self._due.popleft())
        if self._due:
            # The loop looks at its sockets before it comes to this.
            asyncio.get_running_loop().call_soon(self._pump)


def settle(waits: asyncio.Future[None]) -> None:
    """End a wait, unless it has ended."""
    if not waits.done():
        waits.set_result(None)
