"""What the routes read of the registry: its state, pages of the replica's entries, one identity's entries."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from heapq import nsmallest
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool

from api.problems import BUSY, NOT_READY, Refused
from api.schemas import RegistryState
from revocation.record import Revocation, Scope, State, Subject, digester, is_live
from revocation.registry import Whole
from revocation.replica import Replica

SLICE = 200
"""Rows looked at before checks have their turn: less than a millisecond."""
SEARCHES = 4
"""Searches at once: each goes through all rows of the replica."""


class Filter(NamedTuple):
    """Which entries are wanted; None: any."""

    scope: Scope | None = None
    state: State | None = None
    reason: str | None = None
    #: Decided at this moment or later, and before that one.
    after: int | None = None
    before: int | None = None

    def fits(self, entry: Revocation) -> bool:
        """Whether the entry is wanted."""
        return (
            (self.scope is None or entry.subject.scope is self.scope)
            and (self.state is None or entry.state is self.state)
            and (self.reason is None or self.reason in entry.reasons)
            and (self.after is None or entry.decided_at >= self.after)
            and (self.before is None or entry.decided_at < self.before)
        )


class RegistryView:
    """Reads `replica` on the event loop, and `registry` in a thread. `clock` gives epoch milliseconds."""

    def __init__(self, replica: Replica, registry: Whole, clock: Callable[[], int], digest_key: bytes) -> None:
        self._replica = replica
        self._registry = registry
        self._clock = clock
        self._digest_key = digest_key
        self._searches = 0

    def state(self) -> RegistryState:
        """How much the replica knows.

        Raises:
            Refused: nothing yet.
        """
        position = self._replica.position
        if position is None:
            raise Refused(NOT_READY)
        return RegistryState(
            epoch=position.epoch, seq=position.seq, age_ms=max(0, self._clock() - self._replica.fresh_at)
        )

    async def page(self, wanted: Filter, after: bytes, limit: int) -> list[Revocation]:
        """At most `limit` live entries whose digest is greater than `after`, by digest.

        An order that no change disturbs: who follows it to the end has seen every entry that lived meanwhile. Each page
        looks at all entries, in slices between which checks go on.

        Raises:
            Refused: too many search at once.
        """
        found: dict[bytes, Revocation] = {}
        async for entries in self._search(wanted):
            found |= {entry.subject.digest: entry for entry in entries if entry.subject.digest > after}
            found = {digest: found[digest] for digest in nsmallest(limit, found)}
        return list(found.values())

    async def subjects(self, wanted: Filter, most: int) -> list[Subject]:
        """Whom all the wanted entries are about, in no order; of more than `most` some.

        Raises:
            Refused: too many search at once.
        """
        found: dict[Subject, None] = {}
        async with aclosing(self._search(wanted)) as slices:
            async for entries in slices:
                found |= dict.fromkeys(entry.subject for entry in entries)
                if len(found) >= most:
                    break
        return list(found)[:most]

    async def _search(self, wanted: Filter) -> AsyncGenerator[list[Revocation], None]:
        """The wanted live entries, slice by slice."""
        if self._searches >= SEARCHES:
            raise Refused(BUSY)
        self._searches += 1
        try:
            now, start = self._clock(), 0
            # The size is asked again and again: where a shard grows, the rows of those behind it move on, and some of
            # them are seen twice.
            while start < self._replica.size:
                entries = self._replica.rows(start, start + SLICE)
                yield [entry for entry in entries if is_live(entry, now) and wanted.fits(entry)]
                start += SLICE
                await asyncio.sleep(0)
        finally:
            self._searches -= 1

    async def of_identity(self, iss: str, identities: Mapping[Scope, str]) -> list[Revocation]:
        """The live entries of these identities of that issuer, asked of the registry itself.

        Raises:
            RegistryUnavailable: it does not answer.
        """
        subjects = [
            Subject(scope, digester(self._digest_key, scope, iss)(value)) for scope, value in identities.items()
        ]
        found = await run_in_threadpool(self._registry.find, subjects, self._clock())
        return [entry for entry in found if entry is not None]
