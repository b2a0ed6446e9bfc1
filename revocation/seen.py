"""Seen: which security events were taken already, so that a repeated one has no effect.

An id is remembered after its event was applied, never before: one that could not be read or applied comes again, and
must be taken then. Between the two steps a process may die; then the event is applied twice, which is applying it once.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from redis import exceptions as errors

from revocation.connections import Client, Link, link_of
from revocation.errors import RegistryUnavailable
from revocation.record import digester
from revocation.scripts import script

KEPT_MS = 7 * 86_400_000
"""Transmitters give up within days; what is repeated later is old news to the registry itself."""
MOST = 100_000
"""Of one transmitter; some 200 bytes each."""


class Seen(Protocol):
    """What was seen, by issuer and id. Safe to use from several threads; times are epoch milliseconds."""

    def knows(self, iss: str, jti: str, now: int) -> bool:
        """Whether it was added, lately.

        Raises:
            RegistryUnavailable: the store does not answer.
        """
        ...

    def add(self, iss: str, jti: str, now: int) -> None:
        """Remember it.

        Raises:
            RegistryUnavailable: the store does not answer.
        """
        ...


class MemorySeen:
    """In a table of this process: for tests, and where there is one process only."""

    def __init__(self, kept_ms: int = KEPT_MS, most: int = MOST) -> None:
        self._kept_ms = kept_ms
        self._most = most
        #: The oldest first.
        self._seen: OrderedDict[tuple[str, str], int] = OrderedDict()

    def knows(self, iss: str, jti: str, now: int) -> bool:
        """As the port says."""
        when = self._seen.get((iss, jti))
        return when is not None and when > now - self._kept_ms

    def add(self, iss: str, jti: str, now: int) -> None:
        """As the port says."""
        self._seen[iss, jti] = now
        self._seen.move_to_end((iss, jti))
        while len(self._seen) > self._most or next(iter(self._seen.values())) <= now - self._kept_ms:
            self._seen.popitem(last=False)


class RedisSeen:
    """In the registry's Redis, for all processes: two keys a transmitter; ids lie there as keyed digests only."""

    def __init__(
        self,
        client: Client | Link,
        digest_key: bytes,
        prefix: str = "tokenward",
        kept_ms: int = KEPT_MS,
        most: int = MOST,
    ) -> None:
        self._link = link_of(client)
        self._digest_key = digest_key
        self._prefix = prefix
        self._kept_ms = kept_ms
        self._most = most

    def knows(self, iss: str, jti: str, now: int) -> bool:
        """As the port says."""
        whens, _ = self._keys(iss)
        with self._asking() as client:
            when: Any = client.hget(whens, self._id(iss, jti))
        return when is not None and int(when) > now - self._kept_ms

    def add(self, iss: str, jti: str, now: int) -> None:
        """As the port says."""
        with self._asking() as client:
            script("seen")(client, self._keys(iss), [now, self._kept_ms, self._most, self._id(iss, jti)])

    def _keys(self, iss: str) -> tuple[str, str]:
        """Of one slot; the issuer's name is digested as it is any text of the settings."""
        slot = f"{{{self._prefix}:seen:{digester(self._digest_key, 'transmitter', iss)('').hex()}}}"
        return f"{slot}:whens", f"{slot}:order"

    def _id(self, iss: str, jti: str) -> bytes:
        return digester(self._digest_key, "secevent", iss)(jti)

    @contextmanager
    def _asking(self) -> Iterator[Client]:
        try:
            yield self._link.client
        except (errors.RedisError, errors.RedisClusterException) as error:
            raise RegistryUnavailable(self._link.failed(error)) from None
