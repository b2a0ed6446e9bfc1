"""The runner: a thread of each API process that carries bulks out, and undoes them, chunk by chunk.

A bulk is leased by one process at a time: lease and progress stand in the bulk itself, so both are written by one
compare-and-set. A process that ends leaves its lease behind; when that is over, another one goes on after the last
chunk that was finished. The chunk that was cut off is done again, which changes nothing (`api/bulk/chunks.py`). Between
two chunks the runner stands aside, as checks of this process share its core.
"""

import logging
import threading
from collections.abc import Callable

import msgspec

from api.bulk import chunks
from api.bulk.draft import Bulk
from api.bulk.store import Bulks, Seen
from api.registrar import Registrar
from revocation.errors import RegistryError
from revocation.pending import PendingFull

log = logging.getLogger(__name__)

LEASE_MS = 15_000
"""Much longer than a chunk takes, and no longer than anybody minds waiting after a process has ended."""
ASIDE_SECONDS = 0.02
"""About as long as a chunk takes: half of the time is the checks' alone."""
IDLE_SECONDS = 1.0


class Runner:
    """Works at the bulks of a store. `name` tells this process from all others."""

    def __init__(
        self,
        bulks: Bulks,
        registrar: Registrar,
        name: str,
        *,
        aside_seconds: float = ASIDE_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._bulks = bulks
        self._registrar = registrar
        self._clock: Callable[[], int] = registrar.clock
        self._name = name
        self._aside = aside_seconds
        self._idle = idle_seconds
        #: Identities gone through here, and how often something did not answer.
        self.identities = {"done": 0, "undone": 0}
        self.failures = 0
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bulk", daemon=True)

    def start(self) -> None:
        """Start the thread; once."""
        self._thread.start()

    def stop(self, patience: float = 5.0) -> None:
        """End after the chunk that is under way, and wait for that."""
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(patience)

    def wake(self) -> None:
        """There is something to do."""
        self._wake.set()

    def step(self) -> bool:
        """Take one bulk and work at it until it is done, somebody else has it, or `stop`; False: there is none.

        Raises:
            RegistryError: something does not answer; the chunk is done again by the next step.
        """
        for seen in self._bulks.every(self._clock()):
            leased = self._lease(seen)
            if leased is not None:
                self._work(leased)
                return True
        return False

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                worked = self.step()
            except (RegistryError, PendingFull) as error:
                log.warning("bulk waits", extra={"error": type(error).__name__})
                self.failures += 1
                worked = False
            except Exception:
                # Whatever it is, it must not end what other bulks wait for.
                log.exception("bulk failed")
                self.failures += 1
                worked = False
            if not worked:
                self._wake.wait(self._idle)

    def _lease(self, seen: Seen) -> Seen | None:
        bulk, now = seen.bulk, self._clock()
        if bulk.stage not in {"running", "undoing"} or (bulk.leased_until > now and bulk.leased_by != self._name):
            return None
        return self._bulks.change(seen, self._leased(bulk), now)

    def _leased(self, bulk: Bulk) -> Bulk:
        return msgspec.structs.replace(bulk, leased_by=self._name, leased_until=self._clock() + LEASE_MS)

    def _work(self, seen: Seen) -> None:
        current: Seen | None = seen
        while current is not None and not self._stopping.is_set():
            bulk = self._chunk(current.bulk)
            ended = bulk.stage in {"done", "undone"}
            if ended:
                self._registrar.note(
                    bulk.undone_by or bulk.by, f"bulk {bulk.stage}", via="bulk", reason=bulk.reason, request=bulk.id
                )
            current = self._bulks.change(current, bulk if ended else self._leased(bulk), self._clock())
            if ended:
                return
            self._stopping.wait(self._aside)
        if current is not None:
            # Whoever takes over need not wait for the lease to end.
            free = msgspec.structs.replace(current.bulk, leased_by="", leased_until=0)
            self._bulks.change(current, free, self._clock())

    def _chunk(self, bulk: Bulk) -> Bulk:
        """The bulk after one more chunk."""
        return self._forward(bulk) if bulk.stage == "running" else self._back(bulk)

    def _forward(self, bulk: Bulk) -> Bulk:
        now = self._clock()
        subjects = self._bulks.chunk(bulk, bulk.done, now) if bulk.done < bulk.lines else []
        if not subjects:
            return msgspec.structs.replace(bulk, stage="done", finished_at=now, leased_by="", leased_until=0)
        found = self._registrar.registry.find(subjects, now)
        self._bulks.keep_before(bulk, bulk.done, chunks.before(bulk, found), now)
        entries = chunks.applied(bulk, subjects, found)
        if entries:
            self._registrar.carry_out(
                bulk.by, entries, action=bulk.action, via="bulk", reason=bulk.reason, request=bulk.id
            )
        self.identities["done"] += len(subjects)
        changed = sum(chunks.counts(entry, bulk) for entry in found)
        return msgspec.structs.replace(bulk, done=bulk.done + len(subjects), changed=bulk.changed + changed)

    def _back(self, bulk: Bulk) -> Bulk:
        """From the last chunk to the first, so that what is left to be undone is always what comes before."""
        now = self._clock()
        if bulk.done <= 0:
            return msgspec.structs.replace(bulk, stage="undone", finished_at=now, leased_by="", leased_until=0)
        line = max(start for start in bulk.chunks() if start < bulk.done)
        subjects = self._bulks.chunk(bulk, line, now)
        put_back = self._bulks.before(bulk, line, now)
        # Those whose decision was never carried out become tombstones, too: then it cannot come late.
        entries = chunks.undoing(bulk, subjects, put_back, now)
        if entries:
            self._registrar.carry_out(
                bulk.undone_by, entries, action="undo", via="bulk", reason=bulk.undone_because, request=bulk.id
            )
        self.identities["undone"] += len(subjects)
        return msgspec.structs.replace(bulk, done=line)
