"""The followers of all shards as one: started, stopped and counted together."""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

from revocation.follower import Follower
from revocation.record import Change
from revocation.registry import Registry
from revocation.replica import Replica

STOP_SECONDS = 5.0
"""How long the end of all threads is awaited."""


class Listener(Protocol):
    """Who is told what the followers bring, in the followers' threads."""

    def on_changes(self, shard: int, changes: Sequence[Change]) -> None:
        """The replica has taken these changes over."""
        ...

    def on_snapshot(self, shard: int) -> None:
        """The replica has taken a snapshot of this shard over."""
        ...


def shards_of(registry: Registry) -> Sequence[Registry]:
    """The registries of all shards: of one that knows of shards what it says, else the registry itself."""
    shards: Sequence[Registry] = getattr(registry, "shards", (registry,))
    return shards


class Followers:
    """One follower for each of `shards`, all into one `replica`. `clock` gives epoch milliseconds."""

    def __init__(self, shards: Sequence[Registry], replica: Replica, clock: Callable[[], int]) -> None:
        self.shards = shards
        self.replica = replica
        self._listener: Listener | None = None
        self._followers = [
            Follower(registry, replica, clock, shard=shard, on_changes=self._on_changes, on_snapshot=self._on_snapshot)
            for shard, registry in enumerate(shards)
        ]

    def listen(self, listener: Listener) -> None:
        """Tell `listener` from now on; call it before `start`."""
        self._listener = listener

    @property
    def ready(self) -> bool:
        """Whether the first snapshot of every shard has been applied."""
        return all(follower.ready for follower in self._followers)

    @property
    def alive(self) -> bool:
        """Whether all threads run."""
        return all(follower.alive for follower in self._followers)

    @property
    def resyncs(self) -> int:
        """How often a snapshot had to be taken again, of all shards."""
        return sum(follower.resyncs for follower in self._followers)

    @property
    def failures(self) -> int:
        """How many calls the registry did not answer, of all shards."""
        return sum(follower.failures for follower in self._followers)

    def start(self) -> None:
        """Begin to follow; returns at once."""
        for follower in self._followers:
            follower.start()

    def stop(self) -> None:
        """End; returns when all threads have ended, within a bound."""
        for follower in self._followers:
            # First all are told, then each is awaited.
            follower.stop(0.0)
        for follower in self._followers:
            follower.stop(STOP_SECONDS / len(self._followers))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _on_changes(self, shard: int, changes: Sequence[Change]) -> None:
        if self._listener is not None:
            self._listener.on_changes(shard, changes)

    def _on_snapshot(self, shard: int) -> None:
        if self._listener is not None:
            self._listener.on_snapshot(shard)
