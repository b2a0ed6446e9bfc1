"""Receivers: to whom we may tell what, as the settings say. PURE."""

from typing import Literal

import msgspec

from revocation.ssf.subjects import Shape


class Receiver(msgspec.Struct, frozen=True, kw_only=True):
    """One receiver; its name is that of the principal that manages its streams."""

    name: str
    #: The `aud` of its SETs.
    audience: tuple[str, ...]
    #: Whose identities it is told; None: everybody's.
    issuers: frozenset[str] | None = None
    #: How identities are named to it.
    subject: Shape = "complex"
    #: Whether a session's end may be told as its person's, where the shape has no place for a session.
    widen: bool = False
    #: Whether the event repeats the subject, as some receivers want it.
    nested_subject: bool = False
    #: Hosts that its streams may push to.
    push_hosts: frozenset[str] = frozenset()
    default_subjects: Literal["ALL", "NONE"] = "ALL"

    def sees(self, iss: str) -> bool:
        """Whether it may know of that issuer's identities."""
        return self.issuers is None or iss in self.issuers
