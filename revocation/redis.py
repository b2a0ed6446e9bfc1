"""The registry in Redis (6.2 and later, Valkey too): the only file that knows how the registry lies there.

Four keys of one hash slot hold a shard: `entries` (hash: subject -> entry), `expiries` (sorted set: subject by expiry),
`changes` (stream; the id of a change is `<seq>-0`) and `meta` (hash: seq, epoch, history). What writes is a Lua script,
so that the merge, the sequence number and the change are one atomic step; see `lua/`. Reading never writes.

Redis must not evict: set `maxmemory-policy noeviction`. A replica that is promoted may lack the last writes, and would
give their numbers out again. So `history` holds the replication id of the server that wrote last, which every promotion
and every restart changes: the first write that finds another one names another epoch, and followers take a snapshot.
Danger: the writes that the replica lacked are lost; the worker's topic `refresh.revocations` has them.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from redis import exceptions as errors

from revocation.connections import Client, Link, connect, link_of
from revocation.errors import CursorLost, RegistryUnavailable
from revocation.layout import LayoutError, field_of, pack, unpack
from revocation.record import LATEST, Change, Cursor, Revocation, Subject, is_live
from revocation.registry import Registry, Snapshot
from revocation.scripts import script

__all__ = ["CHUNK", "SCAN", "RedisRegistry", "connect"]

UNWRITTEN = "new"
"""The epoch of a registry that nobody has written to."""
RETAINED = 100_000
"""How many changes are kept for followers; Redis trims whole nodes of its stream, so it may be some more."""
CHUNK = 500
"""Subjects in one script call: some 10 ms of Redis' only thread."""
SCAN = 1000
"""Entries that a snapshot is read by."""

T = TypeVar("T")


class RedisRegistry:
    """One shard of the registry; safe to use from several threads.

    `client` must have a finite `socket_timeout`, answer in bytes, and not retry with long pauses: see
    `revocation.connections`. The keys of one of several shards name their number, so that another number finds nothing
    at all, rather than some entries where they no longer are.
    """

    def __init__(
        self,
        client: Client | Link,
        prefix: str = "tokenward",
        shard: int = 0,
        shards: int = 1,
        *,
        retained: int = RETAINED,
        new_epoch: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._link = link_of(client)
        slot = slot_of(prefix, shard, shards)
        self._entries, self._changes, self._meta = f"{slot}:entries", f"{slot}:changes", f"{slot}:meta"
        self._keys = [self._entries, f"{slot}:expiries", self._changes, self._meta]
        self._retained = retained
        self._new_epoch = new_epoch
        # A blocking read must end before the client gives the connection up.
        self._longest_block_ms = max(1, int(self._link.timeout * 500))

    @property
    def shards(self) -> tuple[Registry, ...]:
        """As the port says."""
        return (self,)

    def apply(self, revocations: Sequence[Revocation], now: int) -> list[Change]:
        """As the port says."""
        changes: list[Change] = []
        for chunk in _chunks(revocations):
            fields = [field_of(revocation.subject) for revocation in chunk]
            pairs = [part for field, new in zip(fields, chunk, strict=True) for part in (field, pack(new))]
            with self._asking() as client:
                values = script("apply")(client, self._keys, [now, self._retained, self._new_epoch(), *pairs])
                changes += _standing(fields, values)
        return changes

    def release(self, subjects: Sequence[Subject], now: int, actor: str) -> list[Change]:
        """As the port says."""
        changes: list[Change] = []
        for chunk in _chunks(subjects):
            fields = [field_of(subject) for subject in chunk]
            with self._asking() as client:
                told = [now, self._retained, self._new_epoch(), actor, *fields]
                changes += _standing(fields, script("release")(client, self._keys, told))
        return changes

    def find(self, subjects: Sequence[Subject], now: int) -> list[Revocation | None]:
        """As the port says."""
        found: list[Revocation | None] = []
        for chunk in _chunks(subjects):
            fields = [field_of(subject) for subject in chunk]
            with self._asking() as client:
                values: Any = client.hmget(self._entries, fields)
                entries = [
                    unpack(field, value).entry if value else None for field, value in zip(fields, values, strict=True)
                ]
            found += [entry if entry is not None and is_live(entry, now) else None for entry in entries]
        return found

    def expire(self, now: int, limit: int = 1000) -> int:
        """As the port says; those that ended first go first."""
        with self._asking() as client:
            return int(script("expire")(client, self._keys, [now, limit]))

    def changes(self, cursor: Cursor, limit: int = 1000, wait_ms: int = 0) -> list[Change]:
        """As the port says."""
        with self._asking() as client:
            found = self._read(client, cursor, limit)
            while not found and wait_ms > 0:
                block = min(wait_ms, self._longest_block_ms)
                self._link.server_of(self._changes).xread({self._changes: f"{cursor.seq}-0"}, count=1, block=block)
                wait_ms -= block
                # Read again in any case: the data, and with it the epoch, may have been lost while waiting.
                found = self._read(client, cursor, limit)
            return found

    def snapshot(self) -> Snapshot:
        """As the port says; the entries are read while they are consumed.

        Danger: so `RegistryUnavailable` is raised then, too, and also where another server answers at the end than at
        the beginning: its hashes are ordered otherwise, and what was read may not be all.
        """
        place = self._place()
        return Snapshot(place.cursor, self._scan(place))

    def _scan(self, place: "_Place") -> Iterator[Revocation]:
        with self._asking() as client:
            for field, value in client.hscan_iter(self._entries, count=SCAN):
                yield unpack(field, value).entry
        if self._place().history != place.history:
            raise RegistryUnavailable("Another Redis took over while the entries were read; read them again.")

    def _place(self) -> "_Place":
        with self._asking() as client:
            epoch, seq, history = script("place")(client, [self._meta], [])
        return _Place(Cursor((epoch or UNWRITTEN.encode()).decode(), int(seq or 0)), history)

    def _read(self, client: Client, cursor: Cursor, limit: int) -> list[Change]:
        after = min(cursor.seq, LATEST) + 1
        epoch, seq, items = script("changes")(client, [self._changes, self._meta], [f"{after}-0", limit])
        changes = [unpack(field, entry) for _, (_, field, _, entry) in items]
        newest = int(seq or 0)
        complete = newest == cursor.seq or (newest > cursor.seq and bool(changes) and changes[0].seq == after)
        if (epoch or UNWRITTEN.encode()) != cursor.epoch.encode() or not complete:
            raise CursorLost("The registry no longer has the changes after this cursor; take a snapshot.")
        return changes

    @contextmanager
    def _asking(self) -> Iterator[Client]:
        """Whatever Redis says instead of an answer becomes `RegistryUnavailable`."""
        try:
            yield self._link.client
        except LayoutError as error:
            raise RegistryUnavailable(str(error)) from error
        except (errors.RedisError, errors.RedisClusterException) as error:
            raise RegistryUnavailable(self._link.failed(error)) from None


class _Place(NamedTuple):
    """Where the registry stands, and which server said so."""

    cursor: Cursor
    history: bytes


def slot_of(prefix: str, shard: int, shards: int) -> str:
    """The first part of a shard's keys, by which Redis Cluster puts them into one slot."""
    return f"{{{prefix}:{shard}}}" if shards == 1 else f"{{{prefix}:{shard}of{shards}}}"


def _standing(fields: Sequence[bytes], values: Sequence[bytes | None]) -> list[Change]:
    return [unpack(field, value) for field, value in zip(fields, values, strict=True) if value]


def _chunks(whole: Sequence[T]) -> Iterator[Sequence[T]]:
    return (whole[start : start + CHUNK] for start in range(0, len(whole), CHUNK))
