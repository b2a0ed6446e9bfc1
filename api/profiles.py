"""A profile of `/authz`: how one kind of route wants its requests judged. A frozen value, and its constant headers."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from revocation.bearer import BEARER
from revocation.challenges import REALM, Challenge

DEFAULT = "default"
"""The profile that `/authz` itself has."""
NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
#: What may stand in a cookie's name, and in a header's (RFC 9110, section 5.6.2).
_WORD = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
#: What may stand between quotes in a challenge (RFC 6750, section 3).
_QUOTABLE = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]{1,128}")

Header = tuple[bytes, bytes]


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Nothing about it comes from a request: clients of the gateway write those.

    Raises:
        ValueError: a name could not stand in a header.
    """

    #: Whether tokens are verified here; False: the gateway has done it, and they are only read.
    verify: bool = True
    #: The cookie that holds the token where no Authorization header does; None: none.
    cookie: str | None = None
    #: The header that holds the client's address, in lower case; None: addresses are not looked at.
    address_header: str | None = None
    #: Knowledge of the registry that is older counts as stale, seconds.
    max_staleness_s: float = 60
    #: What becomes of a token that is not known to be bad while the knowledge is stale: refused, or let pass.
    when_stale: Literal["closed", "open"] = "closed"
    #: What becomes of a request without a token.
    anonymous: Literal["deny", "allow"] = "deny"
    #: How long a gateway may remember that a token was let pass, seconds; 0: not at all.
    cache_s: int = 0
    realm: str = REALM

    def __post_init__(self) -> None:
        for name, value in (("cookie", self.cookie), ("address_header", self.address_header)):
            if value is not None and not _WORD.fullmatch(value):
                raise ValueError(f"{name} is no name that a header may hold")
        if not _QUOTABLE.fullmatch(self.realm):
            raise ValueError("realm holds visible ASCII without quotes and backslashes, at most 128 characters")

    def challenge(self, challenge: Challenge, scheme: str = BEARER, max_age: int | None = None) -> Header:
        """A `WWW-Authenticate` line."""
        return b"www-authenticate", challenge.field(self.realm, scheme=scheme, max_age=max_age).encode()


def named(names: Iterable[str]) -> None:
    """Whether these may name profiles.

    Raises:
        ValueError: one could not stand in a path.
    """
    if wrong := sorted(name for name in names if not NAME.fullmatch(name)):
        raise ValueError(f"{wrong[0]!r} cannot name a profile: 1 to 64 of A-Z a-z 0-9 . _ -")
