"""The policy: what is done about a verdict. PURE."""

from typing import Literal

import msgspec

from detector.verdict import Level
from revocation.record import Revocation, Subject


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """What people are told about one decision; the shell adds the names that stand in the event at `row`."""

    #: The same decision, made again, has the same id.
    id: str
    #: Epoch milliseconds, stream time.
    at: int
    level: Level
    subject: Subject
    #: The event's row in the batch that was decided on.
    row: int
    score: float
    reasons: tuple[str, ...]
    measurements: dict[str, float]
    #: Ids of the revocations that came of it; none for `watch`.
    revocations: tuple[str, ...]
    #: `shadow`: would have been enforced; `unenforceable`: no gateway sees an identity that could be matched.
    enforcement: Literal["enforced", "shadow", "unenforceable", "none"]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions as values: the shell writes `revocations` to the registry and sends `alerts`."""

    revocations: tuple[Revocation, ...] = ()
    alerts: tuple[Alert, ...] = ()
