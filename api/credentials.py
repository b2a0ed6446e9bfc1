"""Which token a request presents: in `Authorization`, by `Bearer` or `DPoP`, else in the profile's cookie. PURE."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from api.profiles import Header

SCHEMES = {b"bearer": "Bearer", b"dpop": "DPoP"}


class Presented(NamedTuple):
    """A request's token, how it came, and from where."""

    #: None: there is none.
    token: bytes | None
    #: The scheme that a challenge answers in; the cookie has none of its own.
    scheme: str
    #: Whether it came in a cookie.
    by_cookie: bool
    #: Several that contradict one another, or a scheme without a token; nothing was chosen.
    ambiguous: bool
    #: The client's address as the gateway told it; None: not told, told twice, or none.
    address: str | None


def presented(headers: Iterable[Header], cookie: bytes | None, address_header: bytes | None) -> Presented:
    """Look through the headers once, names in lower case as ASGI has them.

    RFC 6750, section 2: a client uses no more than one way. A second `Authorization` line is refused even if it says
    the same, as gateways differ in which they forward.
    """
    authorizations: list[bytes] = []
    cookies: list[bytes] = []
    addresses: list[bytes] = []
    for name, value in headers:
        if name == b"authorization":
            authorizations.append(value)
        elif name == b"cookie" and cookie is not None:
            cookies += _named(value, cookie)
        elif name == address_header:
            addresses.append(value)
    address = _address(addresses[0]) if len(addresses) == 1 else None
    scheme, _, rest = authorizations[0].strip().partition(b" ") if authorizations else (b"", b"", b"")
    known = SCHEMES.get(scheme.lower())
    token = rest.strip() if known else None
    ambiguous = len(authorizations) > 1 or token == b"" or len({*cookies, *([token] if token else [])}) > 1
    if token is None and cookies and not ambiguous:
        return Presented(cookies[0], "Bearer", True, False, address)
    return Presented(token, known or "Bearer", False, ambiguous, address)


def _address(value: bytes) -> str | None:
    """An address as telemetry's are digested: in its shortest form, IPv4 not mapped into IPv6, without a zone."""
    try:
        address = ip_address(value.strip().decode("latin-1").partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def _named(header: bytes, cookie: bytes) -> Sequence[bytes]:
    """The values of the cookie of that name; one that is empty is none, as browsers send those they shall forget."""
    values = []
    for pair in header.split(b";"):
        name, _, value = pair.partition(b"=")
        if name.strip() == cookie and (bare := value.strip().strip(b'"')):
            values.append(bare)
    return values
