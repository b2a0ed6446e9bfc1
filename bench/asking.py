"""A steady load: so many questions a second on so many connections, each answer timed. 127.0.0.1 only.

Other than `bench.load`, which asks as fast as it is answered, this one keeps a rhythm: an answer that is late does not
slow the next question down, as long as a connection is free. Where none is, the question is left out and counted.
"""

import asyncio
import re
import time
from collections.abc import Callable
from typing import NamedTuple, cast

TICK_SECONDS = 0.01
AT_ONCE = 100
"""Connections opened in a tick: a full backlog of the server's would hold some up for seconds."""
PATIENCE_SECONDS = 15.0
"""How long answers under way are waited for at the end."""


class Answered(NamedTuple):
    """One question: when it was asked (`time.perf_counter`), how long it took, and the status."""

    asked: float
    seconds: float
    status: int


class Asker:
    """Asks `per_second` questions on at most `connections` connections; `question` gives each, a whole request."""

    def __init__(self, port: int, per_second: int, connections: int, question: Callable[[], bytes]) -> None:
        self.answers: list[Answered] = []
        #: Questions for which no connection was free.
        self.left_out = 0
        self._port = port
        self._per_second = per_second
        self._connections = connections
        self._question = question
        self._idle: list[_Connection] = []
        self._all: list[_Connection] = []

    async def run(self, seconds: float) -> None:
        """Ask for that long, then wait for what is under way.

        Raises:
            RuntimeError: answers did not come.
        """
        loop = asyncio.get_running_loop()
        for number in range(self._connections):
            if number % AT_ONCE == 0:
                await asyncio.sleep(TICK_SECONDS)
            _, connection = await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._port)
            self._all.append(connection)
        self._idle = list(self._all)
        begin, asked = loop.time(), 0
        while (elapsed := loop.time() - begin) < seconds:
            due = int(elapsed * self._per_second)
            for _ in range(due - asked):
                self._ask()
            asked = due
            await asyncio.sleep(TICK_SECONDS)
        deadline = loop.time() + PATIENCE_SECONDS
        while len(self._idle) < len(self._all) and loop.time() < deadline:  # noqa: ASYNC110 - many connections end it
            await asyncio.sleep(TICK_SECONDS)
        silent = len(self._all) - len(self._idle)
        for connection in self._all:
            connection.close()
        if silent:
            raise RuntimeError(f"{silent} questions were not answered.")

    def _ask(self) -> None:
        if self._idle:
            self._idle.pop().ask(self._question())
        else:
            self.left_out += 1

    def answered(self, connection: "_Connection", answer: Answered) -> None:
        """A connection has its answer, and is free again."""
        self.answers.append(answer)
        self._idle.append(connection)


class _Connection(asyncio.Protocol):
    """One question at a time."""

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._asked = 0.0
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own is none by inheritance

    def ask(self, question: bytes) -> None:
        self._asked = time.perf_counter()
        self._transport.write(question)

    def close(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if blank and length is not None and len(body) >= int(length[1]):
            status = int(head[9:12])
            self._received = b""
            self._asker.answered(self, Answered(self._asked, time.perf_counter() - self._asked, status))
