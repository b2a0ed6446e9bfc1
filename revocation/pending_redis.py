"""What waits, in Redis: two keys of one hash slot hold a kind.

`documents` (hash: name -> head and text) and `ends` (sorted set: name by end). What writes is a Lua script; see `lua/`.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import exceptions as errors

from revocation.connections import Client, Link, link_of
from revocation.errors import RegistryUnavailable
from revocation.pending import Document, PendingFull
from revocation.scripts import script

HEAD = struct.Struct(">qq")
"""Version and end."""
FULL = -1
TAKEN = -2


class RedisPending:
    """Documents in Redis; safe to use from several threads. `client` as for `RedisRegistry`."""

    def __init__(self, client: Client | Link, prefix: str = "tokenward") -> None:
        self._link = link_of(client)
        self._prefix = prefix

    def make(self, kind: str, name: str, text: bytes, ends_at: int, now: int, most: int) -> Document | None:
        """As the port says."""
        version = self._write(kind, [now, name, 0, ends_at, most, text])
        if version == FULL:
            raise PendingFull
        return None if version == TAKEN else Document(name, version, ends_at, text)

    def change(self, kind: str, document: Document, text: bytes, ends_at: int, now: int) -> Document | None:
        """As the port says."""
        version = self._write(kind, [now, document.name, document.version, ends_at, 0, text])
        return None if version == TAKEN else Document(document.name, version, ends_at, text)

    def read(self, kind: str, name: str, now: int) -> Document | None:
        """As the port says."""
        with self._asking() as client:
            values: Any = client.hmget(self._keys(kind)[0], [name])
        (value,) = values
        found = None if value is None else _unpacked(name, value)
        return found if found is not None and found.ends_at > now else None

    def every(self, kind: str, now: int) -> list[Document]:
        """As the port says."""
        with self._asking() as client:
            values = dict(client.hscan_iter(self._keys(kind)[0]))
        documents = (_unpacked(name.decode(), value) for name, value in sorted(values.items()))
        return [document for document in documents if document.ends_at > now]

    def _write(self, kind: str, arguments: list[Any]) -> int:
        with self._asking() as client:
            return int(script("pending")(client, self._keys(kind), arguments))

    def _keys(self, kind: str) -> list[str]:
        slot = f"{{{self._prefix}:{kind}}}"
        return [f"{slot}:documents", f"{slot}:ends"]

    @contextmanager
    def _asking(self) -> Iterator[Client]:
        """Whatever Redis says instead of an answer becomes `RegistryUnavailable`."""
        try:
            yield self._link.client
        except (errors.RedisError, errors.RedisClusterException) as error:
            raise RegistryUnavailable(self._link.failed(error)) from None


def _unpacked(name: str, value: bytes) -> Document:
    version, ends_at = HEAD.unpack_from(value)
    return Document(name, version, ends_at, value[HEAD.size :])
