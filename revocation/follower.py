"""The follower: a thread that keeps a replica equal to a registry, or to one shard of it.

It takes a snapshot, then waits for changes again and again. When the registry does not answer, the replica keeps what
it knows and the follower tries again, later and later; when the past is lost, it takes another snapshot.
"""

from collections.abc import Callable, Iterator, Sequence

from revocation.following import LONGEST_PAUSE, Following, Stopped
from revocation.record import Change, Cursor, Revocation
from revocation.registry import Registry, Snapshot
from revocation.replica import Replica

WAIT_MS = 1000
"""How long the registry is asked to wait for a change; a change ends the wait, and `stop` takes no longer than it."""
PAGE = 1000

Told = Callable[[int, Sequence[Change]], None]
"""Takes a shard's number and what has changed in it."""


class Follower(Following):
    """Follows `registry` into a shard of `replica`, whose only writer it is. `clock` gives epoch milliseconds.

    `on_changes` is told in this thread of changes that the replica has taken, as it holds them now; `on_snapshot` of a
    shard that was loaded.
    """

    def __init__(
        self,
        registry: Registry,
        replica: Replica,
        clock: Callable[[], int],
        *,
        shard: int = 0,
        wait_ms: int = WAIT_MS,
        longest_pause: float = LONGEST_PAUSE,
        on_changes: Told = lambda _shard, _changes: None,
        on_snapshot: Callable[[int], None] = lambda _shard: None,
    ) -> None:
        super().__init__(f"follower-{shard}", longest_pause)
        self._registry = registry
        self._replica = replica
        self._clock = clock
        self._shard = shard
        self._wait_ms = wait_ms
        self._on_changes = on_changes
        self._on_snapshot = on_snapshot
        #: None: a snapshot is needed.
        self._cursor: Cursor | None = None

    def step(self) -> None:
        """One page of changes, or the snapshot; the cursor moves only when the page is in the replica."""
        cursor = self._cursor
        if cursor is None:
            self._cursor = self._load()
            self._begun()
            self._on_snapshot(self._shard)
            return
        changes = self._registry.changes(cursor, PAGE, self._wait_ms)
        taken = self._replica.apply(changes, self._clock(), self._shard)
        if changes:
            self._cursor = Cursor(cursor.epoch, changes[-1].seq)
            self._on_changes(self._shard, taken)

    def lost(self) -> None:
        """The past is gone: the next step takes a snapshot."""
        self._cursor = None

    def _load(self) -> Cursor:
        """The place after the snapshot, and after what changed while it was read."""
        whole = self._registry.snapshot()
        since = _Since(self._registry, whole.cursor)
        snapshot = Snapshot(whole.cursor, self._unless_stopping(whole.entries))
        self._replica.load(snapshot, self._clock(), since, self._shard)
        return since.cursor

    def _unless_stopping(self, entries: Iterator[Revocation]) -> Iterator[Revocation]:
        """The same entries; a large snapshot must not hold `stop` up."""
        for entry in entries:
            if self.stopping:
                raise Stopped
            yield entry


class _Since:
    """What changed after a cursor, page by page until one is not full; `cursor` moves with what was given."""

    def __init__(self, registry: Registry, cursor: Cursor) -> None:
        self.cursor = cursor
        self._registry = registry

    def __iter__(self) -> Iterator[Change]:
        page = self._page()
        yield from page
        while len(page) == PAGE:
            page = self._page()
            yield from page

    def _page(self) -> list[Change]:
        page = self._registry.changes(self.cursor, PAGE)
        if page:
            self.cursor = Cursor(self.cursor.epoch, page[-1].seq)
        return page
