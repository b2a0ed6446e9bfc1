"""The heads of the audit trail's chains, kept apart from the trail: in Redis, so that a tail that was cut is missed.

A chain is announced before its first record is written, so that one whose writer died right after that is no forgery;
its head moves on after each write, never back. A head that lags is harmless: the chain may go on beyond it.
"""

import secrets
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from redis import exceptions as errors

from revocation.audit import Event
from revocation.chain import Chain, Head, Sealed
from revocation.connections import Client, Link, link_of
from revocation.errors import RegistryUnavailable
from revocation.scripts import script

SCAN = 1000
KEPT_MS = 2 * 366 * 86_400_000
"""How long the head of a chain that ended is kept at least: as long as the topic's records by default."""
ABANDONED = "abandoned"
"""The action of an event that says behind which record of another chain nothing was acted on."""
MOST_ABANDONED = 100
"""Chains given up in a row of which that is said: the last ones."""
FORGET = 1000
"""Heads forgotten at once at most, when a chain begins."""


class Noted(NamedTuple):
    """A head, and when it was told, epoch milliseconds."""

    head: Head
    at: int


class Heads(Protocol):
    """Where heads are kept; every method raises `RegistryUnavailable` when the store does not answer."""

    def all(self) -> list[Noted]:
        """All that are kept, those told last at the end."""
        ...

    def put(self, head: Head, at: int) -> None:
        """The chain is that far; one that is not further than before changes nothing."""
        ...

    def forget(self, heads: Sequence[Head]) -> None:
        """These chains need not be known any more."""
        ...


class MemoryHeads:
    """Heads in a dict, for tests and notebooks."""

    def __init__(self) -> None:
        self._heads: dict[str, Noted] = {}

    def all(self) -> list[Noted]:
        """As the port says."""
        return sorted(self._heads.values(), key=lambda noted: (noted.at, noted.head))

    def put(self, head: Head, at: int) -> None:
        """As the port says."""
        known = self._heads.get(head.chain)
        if known is None or head.number > known.head.number:
            self._heads[head.chain] = Noted(head, at)

    def forget(self, heads: Sequence[Head]) -> None:
        """As the port says."""
        for head in heads:
            self._heads.pop(head.chain, None)


class RedisHeads:
    """Heads in one hash in Redis: chain -> `number hash at`. Safe to use from several threads."""

    def __init__(self, client: Client | Link, prefix: str = "tokenward") -> None:
        self._link = link_of(client)
        # In braces as the registry's keys are, so that the rights for those are the rights for this one.
        self._key = f"{{{prefix}:audit-heads}}"

    def all(self) -> list[Noted]:
        """As the port says."""
        read = self._ask(lambda client: dict(client.hscan_iter(self._key, count=SCAN)))
        noted = (_noted(chain, value) for chain, value in read.items())
        return sorted((one for one in noted if one is not None), key=lambda noted: (noted.at, noted.head))

    def put(self, head: Head, at: int) -> None:
        """As the port says."""
        self._ask(lambda client: script("head")(client, [self._key], [head.chain, head.number, head.hash, at]))

    def forget(self, heads: Sequence[Head]) -> None:
        """As the port says."""
        if heads:
            self._ask(lambda client: client.hdel(self._key, *(head.chain for head in heads)))

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        try:
            return question(self._link.client)
        except (errors.RedisError, errors.RedisClusterException) as error:
            raise RegistryUnavailable(self._link.failed(error)) from None


class Writer:
    """One writer of the trail: its chain, and the next one where nobody knows how the last one ends. Not for threads.

    `seal`, write what it gives, then `confirm` or `doubt`: the chain follows what is known to be durable, alone.
    """

    def __init__(
        self,
        name: str,
        heads: Heads,
        clock: Callable[[], int],
        *,
        key: bytes = b"",
        kept_ms: int = KEPT_MS,
        new_id: Callable[[], str] = lambda: secrets.token_hex(4),
    ) -> None:
        self._name = name
        self._heads = heads
        self._clock = clock
        self._key = key
        self._kept_ms = kept_ms
        self._new_id = new_id
        self._chain: Chain | None = None
        #: Of the last chains that were given up, the places behind which nothing was acted on, until that is written.
        self._abandoned: deque[Head] = deque(maxlen=MOST_ABANDONED)

    def seal(self, events: Sequence[Event]) -> list[Sealed]:
        """The records of these events; a chain is begun where there is none.

        Raises:
            RegistryUnavailable: the chain cannot be announced, so nothing of it may be written.
        """
        chain = self._chain = self._chain or self._begin()
        return chain.seal([*self._abandonment(), *events])

    def confirm(self, sealed: Sequence[Sealed]) -> bool:
        """What was sealed last is durable. False: the head could not be told; the next one makes that good."""
        if self._chain is None or not sealed:
            return True
        self._chain.advance(sealed)
        self._abandoned.clear()
        try:
            self._heads.put(self._chain.head, self._clock())
        except RegistryUnavailable:
            return False
        return True

    def doubt(self, *, acted_on: bool) -> None:
        """What was sealed last may be durable or not; where nobody acted on it, the next chain says so."""
        if self._chain is not None and not acted_on:
            self._abandoned.append(self._chain.head)
        self._chain = None

    def _begin(self) -> Chain:
        now = self._clock()
        noted = self._heads.all()
        self._heads.forget([old.head for old in noted if old.at < now - self._kept_ms][:FORGET])
        chain = Chain(f"{self._name}-{self._new_id()}", [one.head for one in noted], self._key)
        self._heads.put(chain.head, now)
        return chain

    def _abandonment(self) -> list[Event]:
        told = [{"chain": head.chain, "after": str(head.number)} for head in self._abandoned]
        return [Event(at=self._clock(), actor=self._name, via="trail", action=ABANDONED, details=one) for one in told]


def _noted(chain: bytes, value: bytes) -> Noted | None:
    """One field of the hash; None: it is none that this version wrote."""
    try:
        number, own, at = value.decode().split(" ")
        return Noted(Head(chain=chain.decode(), number=int(number), hash=own), int(at))
    except ValueError:
        return None
