"""The follower: a thread that keeps a replica equal to its registry.

It takes a snapshot, then waits for changes again and again. When the registry does not answer, the replica keeps what
it knows and the follower tries again, later and later; when the past is lost, it takes another snapshot, and the
replica answers from the old one until the new one is whole.
"""

import random
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

from revocation.errors import CursorLost, RegistryError
from revocation.record import Change, Cursor, Revocation
from revocation.registry import Registry, Snapshot
from revocation.replica import Replica

WAIT_MS = 1000
"""How long the registry is asked to wait for a change; a change ends the wait, and `stop` takes no longer than it."""
PAGE = 1000
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 5.0
"""Seconds between attempts; doubled each time, then drawn from the upper half so that replicas do not come at once."""


class _Stopped(Exception):  # noqa: N818 - no error
    """`stop` was called while a snapshot was read."""


class Follower:
    """Follows `registry` into `replica`, whose only writer it is. `clock` gives epoch milliseconds."""

    def __init__(
        self,
        registry: Registry,
        replica: Replica,
        clock: Callable[[], int],
        *,
        wait_ms: int = WAIT_MS,
        longest_pause: float = LONGEST_PAUSE,
    ) -> None:
        #: Snapshots taken because the past was lost; the first is not counted.
        self.resyncs = 0
        #: Calls that the registry did not answer.
        self.failures = 0
        #: The last failure's sentence; None while the registry answers.
        self.trouble: str | None = None
        self._registry = registry
        self._replica = replica
        self._clock = clock
        self._wait_ms = wait_ms
        self._longest_pause = longest_pause
        #: Attempts in a row that failed.
        self._streak = 0
        #: None: a snapshot is needed.
        self._cursor: Cursor | None = None
        self._ready = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    @property
    def ready(self) -> bool:
        """Whether a snapshot has been applied; it stays so when the registry is gone."""
        return self._ready.is_set()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def wait_ready(self, seconds: float) -> bool:
        """Wait for the first snapshot; say whether it came."""
        return self._ready.wait(seconds)

    def start(self) -> None:
        """Start the thread; once."""
        self._thread.start()

    def stop(self, patience: float = 5.0) -> None:
        """End the thread and wait for it, at most `patience` seconds."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(patience)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._step()
            except _Stopped:
                return
            except CursorLost:
                self._cursor = None
                self.resyncs += 1
                self._pause()
            except RegistryError as error:
                self.failures += 1
                self.trouble = str(error)
                self._pause()
            else:
                self.trouble = None
                self._streak = 0

    def _step(self) -> None:
        """One page of changes, or the snapshot; the cursor moves only when the page is in the replica."""
        cursor = self._cursor
        if cursor is None:
            whole = self._registry.snapshot()
            snapshot = Snapshot(whole.cursor, self._unless_stopping(whole.entries))
            self._replica.load(snapshot, self._clock(), self._since(whole.cursor))
            self._cursor = self._replica.cursor
            self._ready.set()
            return
        changes = self._registry.changes(cursor, PAGE, self._wait_ms)
        self._replica.apply(changes, self._clock())
        self._cursor = self._replica.cursor

    def _since(self, cursor: Cursor) -> Iterator[Change]:
        """What changed while the snapshot was read: until a page is not full."""
        page = self._registry.changes(cursor, PAGE)
        yield from page
        while len(page) == PAGE:
            page = self._registry.changes(Cursor(cursor.epoch, page[-1].seq), PAGE)
            yield from page

    def _unless_stopping(self, entries: Iterator[Revocation]) -> Iterator[Revocation]:
        """The same entries; a large snapshot must not hold `stop` up."""
        for entry in entries:
            if self._stopping.is_set():
                raise _Stopped
            yield entry

    def _pause(self) -> None:
        ceiling = min(self._longest_pause, FIRST_PAUSE * 2.0 ** min(self._streak, 30))
        self._streak += 1
        self._stopping.wait(ceiling * random.uniform(0.5, 1.0))  # noqa: S311 - spreads replicas, guards nothing
