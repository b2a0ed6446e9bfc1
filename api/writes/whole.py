"""The write API, whole: what it is made of, and what it puts together."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from api.bulk.office import Office
from api.bulk.routes import bulk_routes
from api.bulk.runner import Runner
from api.bulk.store import Bulks
from api.registrar import Registrar
from api.view import RegistryView
from api.writes.approvals import Approvals
from api.writes.desk import Desk
from api.writes.once import Once
from api.writes.routes import write_routes
from api.writes.terms import Terms
from revocation.audit import MemoryTrail
from revocation.claims import Claims
from revocation.pending import MemoryPending, Pending
from revocation.record import Subject
from revocation.registry import Whole

APPROVAL_MS = 24 * 3_600_000
APPROVAL_LINES = 100


@dataclass(frozen=True, kw_only=True)
class Writes:
    """What the roof hands in."""

    registrar: Registrar
    pending: Pending
    terms: Callable[[], Terms] = Terms
    #: How long something may wait for a second person.
    approval_ms: int = APPROVAL_MS
    #: Bulks of so many identities take two persons; 0: none does for its size.
    approval_lines: int = APPROVAL_LINES
    #: Keeps whom a decision is about, for whoever tells others of it.
    remember: Callable[[Subject, Claims, int], None] = lambda _subject, _claims, _ms: None

    @classmethod
    def in_memory(cls, registry: Whole, clock: Callable[[], int], digest_key: bytes) -> "Writes":
        """For tests, benches and notebooks: no trail and nothing that waits outlives the process."""
        registrar = Registrar(registry, MemoryTrail(), lambda _changes: None, clock, digest_key)
        return cls(registrar=registrar, pending=MemoryPending())

    def served(self, view: RegistryView) -> "Deciding":
        """The routes, and what works behind them."""
        approvals = Approvals(self.pending, self.registrar, self.approval_ms)
        once, bulks = Once(self.pending, self.registrar.clock), Bulks(self.pending)
        runner = Runner(bulks, self.registrar, secrets.token_hex(8))
        office = Office(self.registrar, approvals, bulks, runner, self.terms, self.approval_lines)
        router = write_routes(Desk(self.registrar, approvals, self.terms, self.remember), once)
        router.include_router(bulk_routes(office, once, view))
        return Deciding(router, runner, approvals)


class Deciding(NamedTuple):
    """The routes, the thread that carries bulks out, and what waits for a second person."""

    router: APIRouter
    runner: Runner
    approvals: Approvals

    def start(self) -> None:
        """Begin to carry bulks out."""
        self.runner.start()

    async def stop(self) -> None:
        """End after the chunk that is under way."""
        await run_in_threadpool(self.runner.stop)
