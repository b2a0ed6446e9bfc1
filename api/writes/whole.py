"""The write API, whole: what it is made of, and what it puts together."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import APIRouter

from api.registrar import Registrar
from api.writes.approvals import Approvals
from api.writes.desk import Desk
from api.writes.once import Once
from api.writes.routes import write_routes
from api.writes.terms import Terms
from revocation.audit import MemoryTrail
from revocation.pending import MemoryPending, Pending
from revocation.registry import Whole

APPROVAL_MS = 24 * 3_600_000


@dataclass(frozen=True, kw_only=True)
class Writes:
    """What the roof hands in. `approval_ms`: how long something may wait for a second person."""

    registrar: Registrar
    pending: Pending
    terms: Callable[[], Terms] = Terms
    approval_ms: int = APPROVAL_MS

    @classmethod
    def in_memory(cls, registry: Whole, clock: Callable[[], int], digest_key: bytes) -> "Writes":
        """For tests, benches and notebooks: no trail and nothing that waits outlives the process."""
        registrar = Registrar(registry, MemoryTrail(), lambda _changes: None, clock, digest_key)
        return cls(registrar=registrar, pending=MemoryPending())

    def router(self) -> APIRouter:
        """The routes."""
        approvals = Approvals(self.pending, self.registrar, self.approval_ms)
        return write_routes(Desk(self.registrar, approvals, self.terms), Once(self.pending, self.registrar.clock))
