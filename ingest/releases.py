"""Releases: whom people let pass again, as the registry's feed tells; deciding is to hear of it."""

from collections import OrderedDict
from collections.abc import Iterable

from revocation.errors import CursorLost
from revocation.record import Cursor, Revocation, State, Subject
from revocation.registry import Whole

MOST = 10_000
"""Releases that are kept, the latest, for partitions that come later."""
PAGE = 1_000


class Releases:
    """Follows the registry. After a start, and where its past is lost, it begins with the releases that still stand."""

    def __init__(self, registry: Whole, most: int = MOST) -> None:
        self._shards = registry.shards
        self._most = most
        #: Where each shard was followed to; None: it is to be read whole.
        self._cursors: list[Cursor | None] = [None] * len(self._shards)
        #: Heard of and not told yet.
        self._untold: list[Revocation] = []
        self._known: OrderedDict[Subject, Revocation] = OrderedDict()

    @property
    def known(self) -> tuple[Revocation, ...]:
        """The released entries that are known, the latest last."""
        return tuple(self._known.values())

    def news(self) -> list[Revocation]:
        """The entries that were released since the last call, at most `PAGE` changes of a shard at a time.

        Raises:
            RegistryUnavailable: call again later, nothing is missed.
        """
        for number in range(len(self._shards)):
            self._hear(number)
        told, self._untold = self._untold, []
        return told

    def _hear(self, number: int) -> None:
        cursor = self._cursors[number]
        try:
            if cursor is not None:
                self._read(number, cursor)
                return
        except CursorLost:
            pass  # another epoch, or trimmed
        self._begin(number)

    def _begin(self, number: int) -> None:
        snapshot = self._shards[number].snapshot()
        self._keep(snapshot.entries)
        self._cursors[number] = snapshot.cursor

    def _read(self, number: int, cursor: Cursor) -> None:
        changes = self._shards[number].changes(cursor, PAGE)
        if changes:
            self._cursors[number] = Cursor(cursor.epoch, changes[-1].seq)
        self._keep(change.entry for change in changes)

    def _keep(self, entries: Iterable[Revocation]) -> None:
        released = [entry for entry in entries if entry.state is State.RELEASED]
        for entry in released:
            self._known.pop(entry.subject, None)
            self._known[entry.subject] = entry
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        self._untold += released
