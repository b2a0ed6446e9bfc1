"""Names in Redis: a key for each, which Redis itself lets end; see `revocation.names`."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from redis import exceptions as errors

from revocation.connections import Client, Link, link_of
from revocation.errors import RegistryUnavailable
from revocation.names import Name
from revocation.scripts import script

CHUNK = 500
"""Names asked for in one round trip."""


class RedisNames:
    """The store of names beside the registry of the same `prefix`; safe to use from several threads."""

    def __init__(self, client: Client | Link, prefix: str = "tokenward") -> None:
        self._link = link_of(client)
        self._prefix = prefix

    def put(self, names: Mapping[bytes, Name], now: int) -> None:
        """As the port says."""
        with self._asking() as client:
            for digest, named in names.items():
                if named.until > now:
                    script("name")(client, [self._key(digest)], [named.seal, named.until - now])

    def find(self, digests: Collection[bytes], now: int) -> dict[bytes, bytes]:
        """As the port says; Redis goes by its own clock."""
        del now
        asked = list(digests)
        found: dict[bytes, bytes] = {}
        for start in range(0, len(asked), CHUNK):
            chunk = asked[start : start + CHUNK]
            with self._asking() as client, client.pipeline(transaction=False) as pipeline:
                for digest in chunk:
                    pipeline.get(self._key(digest))
                values: list[bytes | None] = pipeline.execute()
            found |= {digest: value for digest, value in zip(chunk, values, strict=True) if value is not None}
        return found

    def _key(self, digest: bytes) -> str:
        # A slot of its own each: a Cluster spreads them.
        return f"{{{self._prefix}:name:{digest.hex()}}}"

    @contextmanager
    def _asking(self) -> Iterator[Client]:
        try:
            yield self._link.client
        except (errors.RedisError, errors.RedisClusterException) as error:
            raise RegistryUnavailable(self._link.failed(error)) from None
