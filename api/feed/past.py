"""What is older than this process remembers, read from the registry itself.

So an API that was restarted does not send every replica for a snapshot: they come with their positions, and the
registry keeps far more changes than a process does. Readers at the same place share one read.
"""

import asyncio
from collections.abc import Sequence

from starlette.concurrency import run_in_threadpool

from revocation.feed import line_of
from revocation.record import Cursor
from revocation.registry import Registry

READS = 4
"""Reads of the registry at once; further readers wait for their turn."""
PAGE = 250
"""Changes of one read: to encode them, a thread holds the interpreter for less than a millisecond."""


class Past:
    """Reads `shards`, the registries of all shards, in threads."""

    def __init__(self, shards: Sequence[Registry]) -> None:
        self._shards = shards
        self._turns = asyncio.Semaphore(READS)
        #: What is being read, by place; as many as there are readers at most.
        self._reading: dict[tuple[int, Cursor], asyncio.Task[list[bytes]]] = {}

    async def after(self, shard: int, cursor: Cursor) -> list[bytes]:
        """The lines that come next after a place, at most `PAGE`.

        Raises:
            CursorLost: the registry does not have them any more.
            RegistryUnavailable: it does not answer.
        """
        key = (shard, cursor)
        reading = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = asyncio.create_task(self._read(shard, cursor))
            reading.add_done_callback(lambda done: self._forget(key, done))
        # A reader that leaves does not take the answer from the others.
        return await asyncio.shield(reading)

    def _forget(self, key: tuple[int, Cursor], done: "asyncio.Task[list[bytes]]") -> None:
        del self._reading[key]
        if not done.cancelled():
            # Looked at, as all who waited may have left.
            done.exception()

    async def _read(self, shard: int, cursor: Cursor) -> list[bytes]:
        async with self._turns:
            return await run_in_threadpool(self._lines, shard, cursor)

    def _lines(self, shard: int, cursor: Cursor) -> list[bytes]:
        return [line_of(change.entry, change.seq) for change in self._shards[shard].changes(cursor, PAGE)]
