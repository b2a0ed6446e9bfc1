"""The audit trail's port: what is written of every change, refusal, approval and reload, and by whom. PURE.

Write-ahead: a change that a person or another system asks for stands in the trail before it is applied, and where the
trail does not answer, nothing is applied. The detector's own changes go into the trail in the worker's transaction,
with their alerts. How records are chained is in `revocation/chain.py`.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from revocation.errors import TrailUnavailable
from revocation.feed import Entry

__all__ = ["Event", "MemoryTrail", "Trail", "TrailUnavailable"]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happened, once; never a token, a key or a secret, and of people no more than digests.

    A text that is too long is cut, and a list of entries that is too long is divided, when it is written.
    """

    #: Epoch milliseconds.
    at: int
    #: The principal's name; `detector`, or the service, where nobody asked.
    actor: str
    #: The way it came: `api`, `cli`, `detector`, `ssf`, `oauth`, `gtr`, `policy`, `service`.
    via: str
    #: A word: `revoke`, `release`, `refused`, `approve`, `reject`, `undo`, `reload`, `start`, `stop`.
    action: str
    #: Why, in the actor's words.
    reason: str = ""
    #: Id of the request, the bulk or the approval that it belongs to.
    request: str = ""
    #: What is applied, in full and with its actor, so that the trail replays: `revocation.feed.public(…, with_actor)`.
    entries: tuple[Entry, ...] = ()
    #: What else is worth knowing, by name.
    details: dict[str, str] = msgspec.field(default_factory=dict)


class Trail(Protocol):
    """Where events are written. Safe to use from several threads."""

    def write(self, events: Sequence[Event]) -> None:
        """Write them, in this order; they are durable when this returns, and only then may they be acted on.

        Raises:
            TrailUnavailable: they may have been written or not; nothing may be applied.
        """
        ...


class MemoryTrail:
    """A trail in a list, for tests and notebooks; with `available` false it answers as one that is out of reach."""

    def __init__(self) -> None:
        self.available = True
        #: All that was written.
        self.events: list[Event] = []

    def write(self, events: Sequence[Event]) -> None:
        """As the port says."""
        if not self.available:
            raise TrailUnavailable("The audit trail does not answer; nothing was changed.")
        self.events.extend(events)
