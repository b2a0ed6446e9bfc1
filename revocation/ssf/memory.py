"""The store in memory, for tests: forgets everything with its process."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from revocation.record import Subject
from revocation.ssf.store import MOST_STREAMS, REMEMBERED, Item, Known
from revocation.ssf.streams import Stream


@dataclass
class _Queue:
    """What waits, oldest first; until when which is lent; what was done."""

    items: dict[str, Item] = field(default_factory=dict)
    lent: dict[str, int] = field(default_factory=dict)
    done: dict[str, int] = field(default_factory=dict)


class MemoryStore:
    """As the port says; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._streams: dict[str, Stream] = {}
        self._queues: dict[str, _Queue] = {}
        self._known: dict[Subject, tuple[int, Known]] = {}
        self._keys: dict[str, tuple[int, dict[str, Any]]] = {}
        self._leases: dict[str, tuple[int, str]] = {}

    def streams(self) -> list[Stream]:
        """As the port says."""
        with self._lock:
            return list(self._streams.values())

    def stream(self, stream_id: str) -> Stream | None:
        """As the port says."""
        return self._streams.get(stream_id)

    def add(self, stream: Stream) -> bool:
        """As the port says."""
        with self._lock:
            if stream.id in self._streams or len(self._streams) >= MOST_STREAMS:
                return False
            self._streams[stream.id] = stream
            return True

    def change(self, new: Stream) -> bool:
        """As the port says."""
        with self._lock:
            old = self._streams.get(new.id)
            if old is None or old.version != new.version - 1:
                return False
            self._streams[new.id] = new
            return True

    def remove(self, stream_id: str) -> bool:
        """As the port says."""
        with self._lock:
            self._leases.pop(stream_id, None)
            self.clear(stream_id)
            return self._streams.pop(stream_id, None) is not None

    def put(self, queue: str, item: Item, most: int) -> list[Item] | None:
        """As the port says."""
        with self._lock:
            held = self._queues.setdefault(queue, _Queue())
            if item.id in held.items or item.id in held.done:
                return None
            held.items[item.id] = item
            gone = [held.items.pop(old) for old in list(held.items)[: max(len(held.items) - most, 0)]]
            for old in gone:
                held.lent.pop(old.id, None)
            return gone

    def first(self, queue: str, limit: int) -> list[Item]:
        """As the port says."""
        with self._lock:
            return list(self._queue(queue).items.values())[:limit]

    def lend(self, queue: str, limit: int, now: int, lease_ms: int) -> tuple[list[Item], bool]:
        """As the port says."""
        with self._lock:
            held = self._queue(queue)
            free = [item for item in held.items.values() if held.lent.get(item.id, 0) <= now]
            held.lent |= {item.id: now + lease_ms for item in free[:limit]}
            return free[:limit], len(free) > limit

    def done(self, queue: str, ids: Sequence[str], now: int) -> int:
        """As the port says."""
        with self._lock:
            held = self._queue(queue)
            ended = [one for one in ids if held.items.pop(one, None) is not None]
            for one in ended:
                held.lent.pop(one, None)
                held.done[one] = now
            for old in list(held.done)[: max(len(held.done) - REMEMBERED, 0)]:
                del held.done[old]
            return len(ended)

    def waiting(self, queue: str) -> int:
        """As the port says."""
        return len(self._queue(queue).items)

    def clear(self, queue: str) -> None:
        """As the port says."""
        with self._lock:
            self._queues.pop(queue, None)

    def remember(self, subject: Subject, known: Known, now: int, until: int) -> None:
        """As the port says."""
        if until <= now:
            return
        with self._lock:
            self._known = {one: kept for one, kept in self._known.items() if kept[0] > now}
            self._known[subject] = (until, known)

    def recall(self, subject: Subject, now: int) -> Known | None:
        """As the port says."""
        until, known = self._known.get(subject, (0, Known()))
        return known if until > now else None

    def publish(self, keys: Mapping[str, dict[str, Any]], now: int, until: int) -> None:
        """As the port says."""
        with self._lock:
            shown = {kid: kept for kid, kept in self._keys.items() if kept[0] > now}
            self._keys = shown | {kid: (until, jwk) for kid, jwk in keys.items()}

    def published(self, now: int) -> list[dict[str, Any]]:
        """As the port says."""
        return [jwk for _, (until, jwk) in sorted(self._keys.items()) if until > now]

    def hold(self, name: str, owner: str, now: int, lease_ms: int) -> bool:
        """As the port says."""
        with self._lock:
            until, holder = self._leases.get(name, (0, owner))
            if until > now and holder != owner:
                return False
            self._leases[name] = (now + lease_ms, owner)
            return True

    def _queue(self, queue: str) -> _Queue:
        return self._queues.get(queue, _Queue())
