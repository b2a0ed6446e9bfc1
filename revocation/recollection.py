"""Recollection: what deciding remembers of a partition. PURE.

As much the partition's state as the engine is: rebuilt by replaying the stream, so that it decides the same again. Only
releases come from elsewhere, from the registry; they are told by `Memory.released`, as often as one likes, before or
after the decisions that they undo.
"""

from collections import OrderedDict
from collections.abc import Iterable

from detector.verdict import Level
from revocation.alert import Alert
from revocation.effect import Revoked
from revocation.incidents import Incidents
from revocation.limits import BlastRadius, Offences
from revocation.living import Living
from revocation.record import Subject
from revocation.releases import Basis, Releases, Trip

RENEW_MS = 60_000
"""Entries of a decision that was told already are written again, for longer, no sooner than so long after."""


class Memory:
    """The latest decisions, and what follows from them for the next; everything in it is bounded."""

    def __init__(self, decisions: int = 100_000, families: int = 100_000) -> None:
        self.living = Living(families)
        self.revoked = Revoked()
        self.offences = Offences()
        self.blast = BlastRadius()
        self.incidents = Incidents()
        self.releases = Releases()
        self._capacity = decisions
        #: When each decision's entries were written last, by stream time.
        self._written: OrderedDict[str, int] = OrderedDict()

    def add(self, decision_id: str, at: int = 0) -> bool:
        """Remember a decision; whether it is new."""
        if decision_id in self._written:
            return False
        self._written[decision_id] = at
        if len(self._written) > self._capacity:
            self._written.popitem(last=False)
        return True

    def knows(self, decision_id: str) -> bool:
        """Whether it was told already."""
        return decision_id in self._written

    def renew(self, decision_id: str, at: int, after_ms: int) -> bool:
        """Whether further evidence renews the entries of a decision that was told; it is noted then."""
        if at < self._written[decision_id] + after_ms:
            return False
        self._written[decision_id] = at
        return True

    def decided(self, alert: Alert, basis: Basis, trip: Trip | None, until: int) -> None:
        """Remember what an alert's entries are about, and whom they give less credit.

        `until`: when what it revoked may be refreshed no longer, by stream time.
        """
        for entry in alert.entries:
            self.releases.decided(entry.subject, basis, trip)
        was_released = any(self.releases.since(entry.subject) >= alert.at for entry in alert.entries)
        if alert.level is not Level.REVOKE or was_released:
            return
        self.offences.add(basis.keys, basis.family, alert.at)
        if alert.enforcement == "enforced" and basis.family:
            self.revoked.add(basis.family, alert.at, until)

    def released(self, subject: Subject, reasons: Iterable[str], at: int) -> None:
        """A person released the entry about `subject`, which stood for `reasons`, at `at` (epoch milliseconds).

        The caller tells of each change whose state is released: `entry.subject`, `entry.reasons`, `entry.released_at`.
        What happens after it is not held against the same person for the same reasons, as long as the policy says.
        """
        basis = self.releases.released(subject, tuple(reasons), at)
        if basis is not None and basis.at <= at:
            self.offences.forgive(basis.keys, basis.family)
            self.revoked.forget(basis.family)

    def __len__(self) -> int:
        return len(self._written)
