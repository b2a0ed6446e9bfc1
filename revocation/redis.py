"""The registry in Redis (6.2 and later, Valkey too): the only file that knows Redis.

Four keys of one hash slot hold a shard: `entries` (hash: subject -> entry), `expiries` (sorted set: subject by expiry),
`changes` (stream; the id of a change is `<seq>-0`) and `meta` (hash: seq, epoch). What writes is a Lua script, so that
the merge, the sequence number and the change are one atomic step; see `lua/`.

Redis must not evict: set `maxmemory-policy noeviction`. A shard whose `meta` is gone gets another epoch, and followers
take a snapshot. Danger: a failover to a replica that lacks the last writes loses those; the worker's topic
`refresh.revocations` has them.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any, TypeVar

from redis import Redis
from redis import exceptions as errors
from redis.backoff import NoBackoff
from redis.retry import Retry

from revocation.errors import CursorLost, RegistryUnavailable
from revocation.layout import LayoutError, field_of, pack, unpack
from revocation.record import LATEST, Change, Cursor, Revocation, Subject, is_live
from revocation.registry import Snapshot

RETAINED = 100_000
"""How many changes are kept for followers; Redis trims whole nodes of its stream, so it may be some more."""
CHUNK = 500
"""Subjects in one script call: some 10 ms of Redis' only thread."""
SCAN = 1000

T = TypeVar("T")


#: What is said of an error, first match first. Never the error's own words: they may hold an address or a password.
SENTENCES: tuple[tuple[type[errors.RedisError], str], ...] = (
    (errors.BusyLoadingError, "Redis is still loading its data."),
    (errors.ReadOnlyError, "This Redis is a read-only replica; only its primary takes decisions."),
    (errors.OutOfMemoryError, "Redis is out of memory and takes no more decisions."),
    (errors.AuthenticationError, "Redis refuses the credentials."),
    (errors.NoPermissionError, "Redis does not permit this user what the registry needs."),
    (errors.TimeoutError, "Redis did not answer in time."),
    (errors.ConnectionError, "Redis cannot be reached."),
    (errors.RedisError, "Redis refused what was asked."),
)

#: Redis 6.2 wraps what a script was told into a general error; these words of it tell.
INSIDE: dict[str, type[errors.RedisError]] = {"-OOM ": errors.OutOfMemoryError, "-READONLY ": errors.ReadOnlyError}


def connect(url: str, timeout: float = 2.0) -> Redis:
    """A client whose every wait is finite: `timeout` seconds, and one more try on a fresh connection.

    Raises:
        ValueError: the address is not one of Redis.
    """
    try:
        retry = Retry(NoBackoff(), 1)
        return Redis.from_url(url, socket_timeout=timeout, socket_connect_timeout=timeout, retry=retry)
    except ValueError:
        # The cause would quote a part of the address, which may be the password.
        raise ValueError("The Redis address is not of the form redis://[user:password@]host:port/database.") from None


class RedisRegistry:
    """One shard of the registry; safe to use from several threads.

    `client` must have a finite `socket_timeout`, answer in bytes, and not retry with long pauses: see `connect`.
    """

    def __init__(
        self,
        client: Redis,
        prefix: str = "tokenward",
        shard: int = 0,
        *,
        retained: int = RETAINED,
        new_epoch: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        options = client.connection_pool.connection_kwargs
        if not options.get("socket_timeout") or options.get("decode_responses"):
            raise ValueError("The registry's Redis client needs a finite socket_timeout and must not decode responses.")
        self._redis = client
        slot = f"{{{prefix}:{shard}}}"
        self._entries, self._changes, self._meta = f"{slot}:entries", f"{slot}:changes", f"{slot}:meta"
        self._keys = [self._entries, f"{slot}:expiries", self._changes, self._meta]
        self._retained = retained
        self._new_epoch = new_epoch
        # A blocking read must end before the client gives the connection up.
        self._longest_block_ms = max(1, int(options["socket_timeout"] * 500))
        self._apply, self._release, self._expire = (
            client.register_script(_script("entry") + _script(name)) for name in ("apply", "release", "expire")
        )

    def apply(self, revocations: Sequence[Revocation], now: int) -> list[Change]:
        """As the port says."""
        changes: list[Change] = []
        for chunk in _chunks(revocations):
            fields = [field_of(revocation.subject) for revocation in chunk]
            pairs = [part for field, new in zip(fields, chunk, strict=True) for part in (field, pack(new))]
            with self._asking():
                values = self._apply(self._keys, [now, self._retained, self._new_epoch(), *pairs])
                changes += _standing(fields, values)
        return changes

    def release(self, subjects: Sequence[Subject], now: int, actor: str) -> list[Change]:
        """As the port says."""
        changes: list[Change] = []
        for chunk in _chunks(subjects):
            fields = [field_of(subject) for subject in chunk]
            with self._asking():
                values = self._release(self._keys, [now, self._retained, actor, *fields])
                changes += _standing(fields, values)
        return changes

    def find(self, subjects: Sequence[Subject], now: int) -> list[Revocation | None]:
        """As the port says."""
        found: list[Revocation | None] = []
        for chunk in _chunks(subjects):
            fields = [field_of(subject) for subject in chunk]
            with self._asking():
                values: Any = self._redis.hmget(self._entries, fields)
                entries = [
                    unpack(field, value).entry if value else None for field, value in zip(fields, values, strict=True)
                ]
            found += [entry if entry is not None and is_live(entry, now) else None for entry in entries]
        return found

    def expire(self, now: int, limit: int = 1000) -> int:
        """As the port says; those that ended first go first."""
        with self._asking():
            return int(self._expire(self._keys, [now, limit]))

    def changes(self, cursor: Cursor, limit: int = 1000, wait_ms: int = 0) -> list[Change]:
        """As the port says."""
        with self._asking():
            found = self._read(cursor, limit)
            while not found and wait_ms > 0:
                block = min(wait_ms, self._longest_block_ms)
                self._redis.xread({self._changes: f"{cursor.seq}-0"}, count=1, block=block)
                wait_ms -= block
                # Read again in any case: the data, and with it the epoch, may have been lost while waiting.
                found = self._read(cursor, limit)
            return found

    def snapshot(self) -> Snapshot:
        """As the port says; the entries are read while they are consumed."""
        with self._asking():
            epoch, seq = self._place()
            if epoch is None:
                self._redis.hsetnx(self._meta, "epoch", self._new_epoch())
                epoch, seq = self._place()
        return Snapshot(Cursor((epoch or b"").decode(), seq), self._scan())

    def _scan(self) -> Iterator[Revocation]:
        with self._asking():
            for field, value in self._redis.hscan_iter(self._entries, count=SCAN):
                yield unpack(field, value).entry

    def _place(self) -> tuple[bytes | None, int]:
        place: Any = self._redis.hmget(self._meta, ["epoch", "seq"])
        return place[0], int(place[1] or 0)

    def _read(self, cursor: Cursor, limit: int) -> list[Change]:
        after = min(cursor.seq, LATEST) + 1
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.hmget(self._meta, ["epoch", "seq"])
        pipeline.xrange(self._changes, min=f"{after}-0", count=limit)
        (epoch, seq), items = pipeline.execute()
        changes = [unpack(item[b"field"], item[b"entry"]) for _, item in items]
        newest = int(seq or 0)
        complete = newest == cursor.seq or (newest > cursor.seq and bool(changes) and changes[0].seq == after)
        if epoch != cursor.epoch.encode() or not complete:
            raise CursorLost("The registry no longer has the changes after this cursor; take a snapshot.")
        return changes

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Whatever Redis says instead of an answer becomes `RegistryUnavailable`."""
        try:
            yield
        except LayoutError as error:
            raise RegistryUnavailable(str(error)) from error
        except errors.RedisError as error:
            told = next((kind for words, kind in INSIDE.items() if words in str(error)), type(error))
            if issubclass(told, errors.ReadOnlyError):
                # After a failover the name may point to the new primary; old connections never will.
                self._redis.connection_pool.disconnect(inuse_connections=False)
            sentence = next(sentence for kind, sentence in SENTENCES if issubclass(told, kind))
            raise RegistryUnavailable(sentence) from None


def _standing(fields: Sequence[bytes], values: Sequence[bytes | None]) -> list[Change]:
    return [unpack(field, value) for field, value in zip(fields, values, strict=True) if value]


def _chunks(whole: Sequence[T]) -> Iterator[Sequence[T]]:
    return (whole[start : start + CHUNK] for start in range(0, len(whole), CHUNK))


@cache
def _script(name: str) -> str:
    return files("revocation").joinpath("lua", f"{name}.lua").read_text("utf-8")
