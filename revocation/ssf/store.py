"""The port of what the transmitter keeps: streams, what waits for others, what was told, and the public keys. PURE.

Everything is kept sealed. One suite (`tests/laws/test_ssf_store.py`) holds both stores to what stands here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from revocation.record import NEVER, Subject
from revocation.ssf.identity import Identity
from revocation.ssf.streams import Stream

MOST_STREAMS = 1_000
"""Streams of all receivers together."""
REMEMBERED = 10_000
"""Ids that each queue remembers as done, the latest."""


class Item(msgspec.Struct, frozen=True):
    """One thing that waits to be told."""

    #: Unique within its queue, and the same for the same thing.
    id: str
    #: When it was put, epoch milliseconds.
    at: int
    body: bytes


class Known(msgspec.Struct, frozen=True):
    """What is remembered of an entry of the registry, as long as it can be released."""

    identity: Identity | None = None
    #: The news that others were told last.
    told: str = ""
    #: Decisions made at or before this moment, epoch milliseconds, were released.
    released_at: int = NEVER


class Store(Protocol):
    """Where it is kept. Every call may raise `RegistryUnavailable`; repeating it is safe."""

    def streams(self) -> list[Stream]:
        """All, in no order."""
        ...

    def stream(self, stream_id: str) -> Stream | None:
        """The one of that id."""
        ...

    def add(self, stream: Stream) -> bool:
        """Keep a new stream; False: there are `MOST_STREAMS`, or the id is taken."""
        ...

    def change(self, new: Stream) -> bool:
        """Replace the stream whose version is the one before `new`'s; False: there is none, read it again."""
        ...

    def remove(self, stream_id: str) -> bool:
        """Forget the stream and all that waits for it; False: there was none."""
        ...

    def put(self, queue: str, item: Item, most: int) -> list[Item] | None:
        """Let it wait behind the others; answers those that had to go, the oldest first, so that `most` wait.

        None: it waits already, or was done before.
        """
        ...

    def first(self, queue: str, limit: int) -> list[Item]:
        """Those that have waited longest, lent or not."""
        ...

    def lend(self, queue: str, limit: int, now: int, lease_ms: int) -> tuple[list[Item], bool]:
        """Those that have waited longest of what is not lent, and whether there are more.

        From now on they are lent, until `now` + `lease_ms`.
        """
        ...

    def done(self, queue: str, ids: Sequence[str], now: int) -> int:
        """They need not wait any longer and do not come again; answers how many had waited."""
        ...

    def waiting(self, queue: str) -> int:
        """How many wait."""
        ...

    def clear(self, queue: str) -> None:
        """Forget all that waits, and what was done."""
        ...

    def remember(self, subject: Subject, known: Known, now: int, until: int) -> None:
        """Keep it until then; where that is past, nothing is kept, and what was kept stays."""
        ...

    def recall(self, subject: Subject, now: int) -> Known | None:
        """What was kept."""
        ...

    def publish(self, keys: Mapping[str, dict[str, Any]], now: int, until: int) -> None:
        """Show these public keys, by `kid`, until then; others that are shown stay until their own end."""
        ...

    def published(self, now: int) -> list[dict[str, Any]]:
        """The public keys that are shown, in the order of their `kid`."""
        ...

    def hold(self, name: str, owner: str, now: int, lease_ms: int) -> bool:
        """Whether the name is the owner's now, until `now` + `lease_ms`; an owner may hold what is its own again."""
        ...
