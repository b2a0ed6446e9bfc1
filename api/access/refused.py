"""Refused attempts, told to whoever keeps the trail: later, by one task, and as many as there is room for."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from starlette.concurrency import run_in_threadpool

from api.access.principal import Principal
from api.access.rules import Rule

log = logging.getLogger(__name__)

OnRefused = Callable[[Principal | None, Rule, str], None]
"""Told of one attempt: who, as far as it is known, at which route, and why not. It may block."""

MOST_WAITING = 1000
LAST_SECONDS = 1.0
"""What is still waiting at the end has that long."""


class Refusals:
    """A queue in front of `tell`; everything on one event loop."""

    def __init__(self, tell: OnRefused | None, most: int = MOST_WAITING) -> None:
        self._tell = tell
        self._waiting: asyncio.Queue[tuple[Principal | None, Rule, str]] = asyncio.Queue(most)
        self._task: asyncio.Task[None] | None = None
        #: Attempts that were not told: there was no room, or `tell` failed.
        self.lost = 0

    def put(self, principal: Principal | None, rule: Rule, reason: str) -> None:
        """Let one attempt be told."""
        if self._tell is None:
            return
        try:
            self._waiting.put_nowait((principal, rule, reason))
        except asyncio.QueueFull:
            self.lost += 1

    def start(self) -> None:
        """Begin to tell, on the running loop."""
        if self._tell is not None:
            self._task = asyncio.get_running_loop().create_task(self._run(self._tell))

    async def stop(self) -> None:
        """Tell what is waiting, as far as it goes, and end."""
        if self._task is None:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self._waiting.join(), LAST_SECONDS)
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _run(self, tell: OnRefused) -> None:
        while True:
            attempt = await self._waiting.get()
            try:
                await run_in_threadpool(tell, *attempt)
            except Exception as error:  # noqa: BLE001 - the trail may be away; nobody else is to notice
                self.lost += 1
                log.warning("a refused attempt was not told", extra={"error": type(error).__name__})
            finally:
                self._waiting.task_done()
