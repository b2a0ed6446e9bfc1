"""What the settings say of access: frozen values, of which everything else here is built."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import NamedTuple

from api.access.principal import Kind, Principal, Verb
from revocation.record import Scope

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
KEY = re.compile(rb"tw_[A-Za-z0-9_-]{43}")
"""A key as `tokenward key` makes it: 256 random bits, so that its digest needs neither salt nor many rounds."""
KEY_PREFIX = b"tw_"


class HashedKey(NamedTuple):
    """One key of a caller."""

    #: SHA-256 of the key.
    digest: bytes
    #: No longer good from then on, epoch milliseconds; None: it does not end.
    until: int | None = None


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Somebody the settings name.

    Raises:
        ValueError: the name is none.
    """

    name: str
    verbs: frozenset[Verb] = frozenset()
    scopes: frozenset[Scope] = frozenset()
    #: None: everybody's.
    issuers: frozenset[str] | None = frozenset()
    #: The OAuth clients that it is.
    clients: frozenset[str] = frozenset()
    #: Several at once while one takes the place of another.
    keys: tuple[HashedKey, ...] = ()
    #: Names of certificates: a URI of the subject's alternative names, or, without a colon, a common name.
    certificates: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name) or self.name == "open":
            raise ValueError("a principal's name has 1 to 64 letters, digits, dots, dashes and underscores")

    def principal(self, kind: Kind) -> Principal:
        """The caller, as it has shown itself."""
        return Principal(
            name=self.name,
            kind=kind,
            verbs=self.verbs,
            scopes=self.scopes,
            issuers=self.issuers,
            clients=self.clients,
        )


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may come. The default is nobody.

    Raises:
        ValueError: a key or a certificate is two callers', or a name is given twice.
    """

    #: Everybody may do everything; for loopback only, which whoever starts the server sees to.
    open: bool = False
    callers: tuple[Caller, ...] = ()
    #: What a token's `aud` must name; None: tokens are no credentials.
    audience: str | None = None
    #: Issuers whose tokens may act for other issuers; all others' act for their own.
    operators: frozenset[str] = frozenset()
    #: The claim in which an operator's token names tenants.
    tenant_claim: str | None = None
    #: The issuers of each tenant.
    tenants: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: Where global token revocation is asked for, as the issuers call it: their tokens for that are credentials there.
    sign_out_url: str | None = None
    #: Administrative requests of one caller within `window_s`.
    requests: int = 600
    #: Requests from one address within `window_s` to routes whose caller only a signature shows: pushed events.
    events: int = 6_000
    #: Wrong credentials from one address within `window_s` before no unknown ones are looked at.
    failures: int = 30
    window_s: int = 60

    def __post_init__(self) -> None:
        for what, seen in (
            ("name", [caller.name for caller in self.callers]),
            ("key", [key.digest for caller in self.callers for key in caller.keys]),
            ("certificate", [name for caller in self.callers for name in caller.certificates]),
        ):
            if len(seen) > len(set(seen)):
                raise ValueError(f"a principal's {what} is another one's, too")


OPEN_ACCESS = Access(open=True)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there; other names are not looked up, as their answers change."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
