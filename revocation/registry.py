"""The registry's port: what every registry promises, whichever store it keeps."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

from revocation.record import Change, Cursor, Revocation, Subject


class Snapshot(msgspec.Struct, frozen=True):
    """All entries at one moment; `entries` may be consumed once."""

    cursor: Cursor
    entries: Iterator[Revocation]


class Whole(Protocol):
    """All of a registry, in one shard or in several: whoever decides and asks need not know in how many.

    Remembers who is refused. All times are epoch milliseconds; the registry never asks a clock.

    Laws (one stateful suite holds every implementation to them): applying twice is applying once; a state never weakens
    and an expiry never shortens but by a release; after `apply` returns, every `find` says so; what was decided before
    a release does not come back, as long as the released entry would have lasted. An entry whose expiry is not after
    `now` is as if absent, forgotten by `expire` or not: the next decision about its subject starts afresh.

    Every method raises `RegistryUnavailable` when the store does not answer. Calling again is always safe, and answers
    the same: a caller that died between the call and what it did with the answer loses nothing by repeating both.
    """

    def apply(self, revocations: Sequence[Revocation], now: int) -> list[Change]:
        """Write decisions, merged onto what is there (`revocation.record.merge`).

        Returns for each decision, in order, the entry as it stands then, with the sequence number of its last change:
        an older one where the decision changed nothing, a tombstone where it had been released. Decisions whose expiry
        is not after `now` are left out. Danger: a decision is applied whole or not at all, a list of them is not one
        transaction; after `RegistryUnavailable` apply the same list again.
        """
        ...

    def release(self, subjects: Sequence[Subject], now: int, actor: str) -> list[Change]:
        """Let the subjects pass again; entries become tombstones until they would have ended.

        Returns the tombstones, those that were there already too. Skips subjects without an entry.
        """
        ...

    def find(self, subjects: Sequence[Subject], now: int) -> list[Revocation | None]:
        """The live entry of each subject (not released, not expired at `now`), or None."""
        ...

    def expire(self, now: int, limit: int = 1000) -> int:
        """Forget at most `limit` entries whose expiry is not after `now` (`find` hides them already)."""
        ...

    @property
    def shards(self) -> tuple["Registry", ...]:
        """The shards in their order, for followers; a registry that is not divided is its own only shard."""
        ...


class Registry(Whole, Protocol):
    """One shard, which can be followed: each has its own epoch and its own numbers."""

    def changes(self, cursor: Cursor, limit: int = 1000, wait_ms: int = 0) -> list[Change]:
        """What changed after `cursor`, oldest first, waiting up to `wait_ms` for a first change.

        Raises:
            CursorLost: the registry has another epoch, or has trimmed what came next after the cursor.
        """
        ...

    def snapshot(self) -> Snapshot:
        """Every entry, tombstones too, with a cursor no later than any of them: replaying changes after it is safe."""
        ...
