"""The followers of all shards of a registry, as one: each has a thread of its own, so that none waits for another."""

import threading
from collections.abc import Callable, Sequence
from time import monotonic
from types import TracebackType
from typing import Protocol, Self

from revocation.follower import WAIT_MS, Follower
from revocation.following import LONGEST_PAUSE
from revocation.record import Change, shard_of
from revocation.registry import Whole
from revocation.replica import Replica


class Listener(Protocol):
    """Who is told what the followers bring, in the followers' threads."""

    def on_changes(self, shard: int, changes: Sequence[Change]) -> None:
        """The replica has taken these changes over."""
        ...

    def on_snapshot(self, shard: int) -> None:
        """The replica has taken a snapshot of this shard over."""
        ...


class Followers:
    """Follows every shard of `registry` into `replica`, which was made for as many. As for `Follower` otherwise."""

    def __init__(
        self,
        registry: Whole,
        replica: Replica,
        clock: Callable[[], int],
        *,
        wait_ms: int = WAIT_MS,
        longest_pause: float = LONGEST_PAUSE,
    ) -> None:
        self.replica = replica
        self.shards = registry.shards
        self._listener: Listener | None = None
        #: Notified of whatever a follower brings.
        self._moved = threading.Condition()
        self.each = tuple(
            Follower(
                shard,
                replica,
                clock,
                shard=number,
                wait_ms=wait_ms,
                longest_pause=longest_pause,
                on_changes=self._on_changes,
                on_snapshot=self._on_snapshot,
            )
            for number, shard in enumerate(registry.shards)
        )

    def listen(self, listener: Listener) -> None:
        """Tell `listener` from now on; call it before `start`."""
        self._listener = listener

    @property
    def resyncs(self) -> int:
        """Snapshots taken because a shard's past was lost."""
        return sum(follower.resyncs for follower in self.each)

    @property
    def failures(self) -> int:
        """Calls that a shard did not answer."""
        return sum(follower.failures for follower in self.each)

    @property
    def trouble(self) -> str | None:
        """What a shard that does not answer said last; None while all do."""
        return next((follower.trouble for follower in self.each if follower.trouble is not None), None)

    @property
    def ready(self) -> bool:
        """Whether each shard's snapshot has been applied."""
        return all(follower.ready for follower in self.each)

    @property
    def alive(self) -> bool:
        """Whether all threads run."""
        return all(follower.alive for follower in self.each)

    def wait_ready(self, seconds: float) -> bool:
        """Wait for the first snapshots; say whether all came."""
        deadline = monotonic() + seconds
        return all(follower.wait_ready(max(0.0, deadline - monotonic())) for follower in self.each)

    def wait_for(self, changes: Sequence[Change], seconds: float) -> bool:
        """Wait until the replica has these changes; say whether it has. For whoever made them and answers somebody."""
        newest: dict[int, int] = {}
        for change in changes:
            shard = shard_of(change.entry.subject, len(self.shards))
            newest[shard] = max(change.seq, newest.get(shard, 0))

        def brought() -> bool:
            position = self.replica.position
            return position is not None and all(position.cursors[shard].seq >= seq for shard, seq in newest.items())

        with self._moved:
            return self._moved.wait_for(brought, seconds)

    def start(self) -> None:
        """Start the threads; once."""
        for follower in self.each:
            follower.start()

    def stop(self, patience: float = 5.0) -> None:
        """End the threads, together, and wait for them, at most `patience` seconds."""
        deadline = monotonic() + patience
        for follower in self.each:
            follower.end()
        for follower in self.each:
            follower.stop(max(0.0, deadline - monotonic()))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _on_changes(self, shard: int, changes: Sequence[Change]) -> None:
        with self._moved:
            self._moved.notify_all()
        if self._listener is not None:
            self._listener.on_changes(shard, changes)

    def _on_snapshot(self, shard: int) -> None:
        with self._moved:
            self._moved.notify_all()
        if self._listener is not None:
            self._listener.on_snapshot(shard)
