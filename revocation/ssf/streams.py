"""Streams: one receiver's wish to be told, and how it stands. PURE."""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

Status = Literal["enabled", "paused", "disabled"]
Method = Literal["urn:ietf:rfc:8935", "urn:ietf:rfc:8936"]
PUSH: Method = "urn:ietf:rfc:8935"
POLL: Method = "urn:ietf:rfc:8936"


class Wish(msgspec.Struct, frozen=True):
    """A SET about the stream itself that is to be made; only who has the signing keys makes it."""

    id: str
    kind: Literal["verification", "updated"]
    #: The receiver's `state`, or the reason of the update.
    text: str | None = None
    status: Status = "enabled"


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """One stream. What stands in it is personal and secret in part: it is kept sealed."""

    #: Of URL-unreserved characters.
    id: str
    #: The principal whose stream it is, and no other's.
    receiver: str
    #: Never changes.
    aud: tuple[str, ...]
    method: Method = POLL
    #: Of push only: where to, and what stands in `Authorization` there.
    url: str = ""
    authorization: str = ""
    requested: tuple[str, ...] = ()
    description: str | None = None
    status: Status = "enabled"
    reason: str | None = None
    #: We paused it, as its receiver lets nothing pass; the receiver is told so when it goes on.
    held: bool = False
    #: Those that were added, or removed, as the receiver's default is.
    subjects: tuple[dict[str, Any], ...] = ()
    wishes: tuple[Wish, ...] = ()
    #: When a verification was asked for last, epoch milliseconds.
    verified_at: int = 0
    #: Counts changes; who changes a stream says which one it saw.
    version: int = 1

    def resumed(self, wish_id: str) -> "Stream":
        """The stream, going on after we had paused it."""
        wish = Wish(wish_id, "updated", "Deliveries pass again.", "enabled")
        return msgspec.structs.replace(self, status="enabled", reason=None, held=False, wishes=(*self.wishes, wish))

    def delivered(self, supported: Sequence[str]) -> list[str]:
        """The events that it gets: asked for, and supported."""
        return [uri for uri in supported if uri in self.requested]
