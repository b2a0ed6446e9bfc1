"""The store in Redis: what others are told survives a restart of who tells them.

All keys are of one hash slot: `streams` (hash: id -> version and stream), `keys`, `leases` and `known:…`, and for each
queue `items` (hash), `order` (sorted set by number), `lent` (hash), `done` (sorted set by time), `meta` (the number).
Values are sealed, each as what stands at its own place: whoever can write to Redis can neither read one, nor alter it,
nor move it to another stream; he can delete.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from redis import exceptions as errors

from revocation.connections import Client, Link, link_of
from revocation.errors import RegistryUnavailable
from revocation.record import Subject
from revocation.scripts import script
from revocation.seal import Seal
from revocation.ssf.store import MOST_STREAMS, REMEMBERED, Item, Known
from revocation.ssf.streams import Stream

VERSION_BYTES = 8
QUEUE_KEYS = ("items", "order", "lent", "done", "meta")

T = TypeVar("T")


class RedisStore:
    """As the port says; safe for several threads. `client` is as for `revocation.redis.RedisRegistry`."""

    def __init__(self, client: Client | Link, seal: Seal, prefix: str = "tokenward") -> None:
        self._link = link_of(client)
        self._seal = seal
        self._slot = f"{{{prefix}:ssf}}"
        self._streams, self._keys, self._leases = (f"{self._slot}:{name}" for name in ("streams", "keys", "leases"))

    def streams(self) -> list[Stream]:
        """As the port says; what no key of ours opens is left out."""
        with self._asking() as client:
            found: Any = client.hgetall(self._streams)
        read = (self._stream(name.decode(), value) for name, value in found.items())
        return [stream for stream in read if stream is not None]

    def stream(self, stream_id: str) -> Stream | None:
        """As the port says."""
        with self._asking() as client:
            value: Any = client.hget(self._streams, stream_id)
        return None if value is None else self._stream(stream_id, value)

    def add(self, stream: Stream) -> bool:
        """As the port says."""
        return self._write(stream, b"")

    def change(self, new: Stream) -> bool:
        """As the port says."""
        return self._write(new, (new.version - 1).to_bytes(VERSION_BYTES, "big"))

    def remove(self, stream_id: str) -> bool:
        """As the port says."""
        with self._asking() as client:
            removed: Any = client.hdel(self._streams, stream_id)
            client.hdel(self._leases, stream_id)
        self.clear(stream_id)
        return bool(removed)

    def put(self, queue: str, item: Item, most: int) -> list[Item] | None:
        """As the port says."""
        items, order, lent, done, meta = self._queue(queue)
        value = self._close(f"{items}:{item.id}", item)
        with self._asking() as client:
            gone = script("ssf_put")(client, [items, order, meta, done, lent], [item.id, value, most])
        return None if gone is None else self._items(items, gone)

    def first(self, queue: str, limit: int) -> list[Item]:
        """As the port says."""
        items, order, *_ = self._queue(queue)
        with self._asking() as client:
            ids: Any = client.zrange(order, 0, limit - 1) if limit > 0 else []
            values: Any = client.hmget(items, ids) if ids else []
        return self._items(items, [part for pair in zip(ids, values, strict=True) for part in pair])

    def lend(self, queue: str, limit: int, now: int, lease_ms: int) -> tuple[list[Item], bool]:
        """As the port says."""
        items, order, lent, *_ = self._queue(queue)
        with self._asking() as client:
            more, *found = script("ssf_lend")(client, [items, order, lent], [limit, now, lease_ms])
        return self._items(items, found), bool(more)

    def done(self, queue: str, ids: Sequence[str], now: int) -> int:
        """As the port says."""
        items, order, lent, done, _ = self._queue(queue)
        with self._asking() as client:
            return int(script("ssf_done")(client, [items, order, lent, done], [now, REMEMBERED, *ids]))

    def waiting(self, queue: str) -> int:
        """As the port says."""
        with self._asking() as client:
            return int(client.hlen(self._queue(queue)[0]))

    def clear(self, queue: str) -> None:
        """As the port says."""
        with self._asking() as client:
            client.delete(*self._queue(queue))

    def remember(self, subject: Subject, known: Known, now: int, until: int) -> None:
        """As the port says; Redis forgets it by itself."""
        if until <= now:
            return
        key = self._known(subject)
        with self._asking() as client:
            client.set(key, self._close(key, (until, known)), px=until - now)

    def recall(self, subject: Subject, now: int) -> Known | None:
        """As the port says."""
        key = self._known(subject)
        with self._asking() as client:
            value: Any = client.get(key)
        kept = None if value is None else self._open(key, value, tuple[int, Known])
        return kept[1] if kept is not None and kept[0] > now else None

    def publish(self, keys: Mapping[str, dict[str, Any]], now: int, until: int) -> None:
        """As the port says."""
        with self._asking() as client:
            found: Any = client.hgetall(self._keys)
            ended = [name for name, value in found.items() if self._end(name.decode(), value) <= now]
            if ended:
                client.hdel(self._keys, *ended)
            for kid, jwk in keys.items():
                client.hset(self._keys, kid, self._close(f"{self._keys}:{kid}", (until, jwk)))

    def published(self, now: int) -> list[dict[str, Any]]:
        """As the port says."""
        with self._asking() as client:
            found: Any = client.hgetall(self._keys)
        read = (
            self._open(f"{self._keys}:{kid.decode()}", found[kid], tuple[int, dict[str, Any]]) for kid in sorted(found)
        )
        return [kept[1] for kept in read if kept is not None and kept[0] > now]

    def hold(self, name: str, owner: str, now: int, lease_ms: int) -> bool:
        """As the port says."""
        with self._asking() as client:
            return bool(script("ssf_hold")(client, [self._leases], [name, owner, now, lease_ms]))

    def _write(self, stream: Stream, expected: bytes) -> bool:
        value = stream.version.to_bytes(VERSION_BYTES, "big") + self._close(f"{self._streams}:{stream.id}", stream)
        with self._asking() as client:
            return bool(script("ssf_change")(client, [self._streams], [stream.id, expected, value, MOST_STREAMS]))

    def _stream(self, stream_id: str, value: bytes) -> Stream | None:
        return self._open(f"{self._streams}:{stream_id}", value[VERSION_BYTES:], Stream)

    def _items(self, items: str, found: Sequence[Any]) -> list[Item]:
        """The items of ids and values in turn; one that was done meanwhile has no value."""
        pairs = zip(found[::2], found[1::2], strict=True)
        read = (self._open(f"{items}:{name.decode()}", value, Item) for name, value in pairs if value is not None)
        return [item for item in read if item is not None]

    def _end(self, kid: str, value: bytes) -> int:
        kept = self._open(f"{self._keys}:{kid}", value, tuple[int, dict[str, Any]])
        return 0 if kept is None else kept[0]

    def _queue(self, queue: str) -> list[str]:
        return [f"{self._slot}:{name}:{queue}" for name in QUEUE_KEYS]

    def _known(self, subject: Subject) -> str:
        return f"{self._slot}:known:{subject.scope}:{subject.digest.hex()}"

    def _close(self, place: str, value: object) -> bytes:
        return self._seal.close(msgspec.msgpack.encode(value), place)

    def _open(self, place: str, value: bytes, kind: type[T]) -> T | None:
        plain = self._seal.open(value, place)
        return None if plain is None else msgspec.msgpack.decode(plain, type=kind)

    @contextmanager
    def _asking(self) -> Iterator[Client]:
        """Whatever Redis says instead of an answer becomes `RegistryUnavailable`."""
        try:
            yield self._link.client
        except (errors.RedisError, errors.RedisClusterException) as error:
            raise RegistryUnavailable(self._link.failed(error)) from None
