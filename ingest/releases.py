"""Releases: whom people let pass again, as the registry's feed tells; deciding is to hear of it."""

from collections import OrderedDict
from collections.abc import Iterable

from revocation.errors import CursorLost
from revocation.record import Cursor, Revocation, State, Subject
from revocation.registry import Registry

MOST = 10_000
"""Releases that are kept, the latest, for partitions that come later."""
PAGE = 1_000


class Releases:
    """Follows the registry. After a start, and where its past is lost, it begins with the releases that still stand."""

    def __init__(self, registry: Registry, most: int = MOST) -> None:
        self._registry = registry
        self._most = most
        self._cursor: Cursor | None = None
        self._known: OrderedDict[Subject, Revocation] = OrderedDict()

    @property
    def known(self) -> tuple[Revocation, ...]:
        """The released entries that are known, the latest last."""
        return tuple(self._known.values())

    def news(self) -> list[Revocation]:
        """The entries that were released since the last call, at most `PAGE` changes at a time.

        Raises:
            RegistryUnavailable: call again later, nothing is missed.
        """
        try:
            return self._read() if self._cursor is not None else self._begin()
        except CursorLost:
            return self._begin()

    def _begin(self) -> list[Revocation]:
        snapshot = self._registry.snapshot()
        released = self._keep(snapshot.entries)
        self._cursor = snapshot.cursor
        return released

    def _read(self) -> list[Revocation]:
        cursor = self._cursor or Cursor("", 0)
        changes = self._registry.changes(cursor, PAGE)
        if changes:
            self._cursor = Cursor(cursor.epoch, changes[-1].seq)
        return self._keep(change.entry for change in changes)

    def _keep(self, entries: Iterable[Revocation]) -> list[Revocation]:
        released = [entry for entry in entries if entry.state is State.RELEASED]
        for entry in released:
            self._known.pop(entry.subject, None)
            self._known[entry.subject] = entry
            if len(self._known) > self._most:
                self._known.popitem(last=False)
        return released
