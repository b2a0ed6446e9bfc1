"""What deciding gives back: alerts for people, entries for the registry. PURE."""

from typing import Literal

import msgspec

from detector.verdict import Level, Segment
from revocation.cause import Cause
from revocation.record import Revocation, Subject

Kind = Literal["decision", "incident", "page"]
"""`incident`: a whole population shows one sign at once; `page`: more was to be revoked than may be
without a person."""

Enforcement = Literal["enforced", "shadow", "unenforceable", "allowed", "muted", "none"]
"""`none`: only watched; `shadow`: would have been enforced; `unenforceable`: no gateway can see whom to refuse;
`allowed`: an allow-list spares it; `muted`: a person let the same pass before."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """What people are told about one decision; the shell adds the names that stand in the event at `row`."""

    kind: Kind = "decision"
    #: The same decision, made again, has the same id.
    id: str
    #: When the event happened, epoch milliseconds.
    at: int
    level: Level
    #: The family; the subject or the address where the event names no family. Of an incident the issuer, of a page the
    #: client: the 8 bytes of their key, and zeros.
    subject: Subject
    #: The event's row in the batch that was decided on.
    row: int
    #: The probability of theft.
    score: float
    #: Slugs, strongest signal first.
    reasons: tuple[str, ...]
    #: Of what it is most likely a sign.
    cause: Cause
    #: By name; those that were measured (not 0).
    measurements: dict[str, float]
    #: By channel, where not 0: what each signal's ladder was asked, and the nats that it added to the log-odds.
    grades: dict[str, int] = {}
    weights: dict[str, float] = {}
    #: The versions of the table of odds and of the detector's configuration.
    odds: str = ""
    config: str = ""
    #: The scores from which watch, quarantine and revoke began for this event.
    thresholds: dict[str, float] = {}
    #: Reasons that would count, but that an allow-list names or that were let pass before.
    excused: tuple[str, ...] = ()
    #: Thresholds were lowered and entries last longer: there were several revocations before.
    repeat: bool = False
    #: It would have been revoked, but for the blast radius.
    limited: bool = False
    #: Of an incident: the population that shows it.
    segment: Segment = Segment.NONE
    #: What came of it, or would have in shadow mode.
    entries: tuple[Revocation, ...] = ()
    enforcement: Enforcement = "none"

    @property
    def revocations(self) -> tuple[str, ...]:
        """The entries' ids."""
        return tuple(entry.id for entry in self.entries)

    @property
    def expires_at(self) -> int:
        """When the last of its entries ends, epoch milliseconds; 0 where there is none."""
        return max((entry.expires_at for entry in self.entries), default=0)

    @property
    def is_told(self) -> bool:
        """Whether people hear of it; what is only watched stays in the counts."""
        return self.kind != "decision" or self.level > Level.WATCH or self.enforcement == "allowed"


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions as values: the shell writes `revocations` to the registry and tells people the `alerts`."""

    revocations: tuple[Revocation, ...] = ()
    alerts: tuple[Alert, ...] = ()
