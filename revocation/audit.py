"""The audit trail: what is written of every administrative act, and where. PURE."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from revocation.errors import RegistryError
from revocation.feed import Entry


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One act: who did what, why, and what came of it."""

    #: Epoch milliseconds.
    at: int
    actor: str
    via: str
    action: str
    reason: str = ""
    #: The id of the request, bulk or approval that it belongs to.
    request: str = ""
    entries: tuple[Entry, ...] = ()
    details: dict[str, str] = {}


class TrailUnavailable(RegistryError):  # noqa: N818 - named after the state
    """The trail does not take events; nothing was done."""

    reason = "trail_unavailable"


class Trail(Protocol):
    """Where events are kept."""

    def write(self, events: Sequence[Event]) -> None:
        """Keep the events, durably, before it returns."""
        ...


class MemoryTrail:
    """A trail in a list."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def write(self, events: Sequence[Event]) -> None:
        """As the port says."""
        self.events.extend(events)
