"""Registries in memory that misbehave, for the tests of the feed."""

import threading

from revocation.errors import RegistryUnavailable
from revocation.memory import MemoryRegistry
from revocation.record import Change, Cursor


class Losing(MemoryRegistry):
    """A registry that can lose its data."""

    def lose(self, epoch: str) -> None:
        """Begin anew; with the same epoch it is what a failover does that lost the last writes."""
        with self._changed:
            self._epoch, self._seq = epoch, 0
            self._entries.clear()
            self._changes.clear()
            self._changed.notify_all()


class Late(MemoryRegistry):
    """A registry whose follower hears of changes late: only a follower waits for them."""

    def __init__(self, epoch: str) -> None:
        super().__init__(epoch)
        self.holding = threading.Event()

    def changes(self, cursor: Cursor, limit: int = 1000, wait_ms: int = 0) -> list[Change]:
        """As the port says."""
        found = super().changes(cursor, limit, min(wait_ms, 50))
        return [] if wait_ms and self.holding.is_set() else found


class Failing(MemoryRegistry):
    """A registry that can stop answering."""

    def __init__(self, epoch: str) -> None:
        super().__init__(epoch)
        self.failing = threading.Event()

    def changes(self, cursor: Cursor, limit: int = 1000, wait_ms: int = 0) -> list[Change]:
        """As the port says."""
        if self.failing.is_set():
            raise RegistryUnavailable("The registry cannot be reached.")
        return super().changes(cursor, limit, min(wait_ms, 50))
