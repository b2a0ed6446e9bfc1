"""Which token a request presents: in `Authorization`, by `Bearer` or `DPoP`, else in the profile's cookie. PURE."""

from collections.abc import Iterable
from ipaddress import ip_address
from typing import NamedTuple

from api.profiles import Header
from revocation.bearer import BEARER, Malformed, in_cookies, in_header


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


def presented(headers: Iterable[Header], cookie: str | None, address_header: bytes | None) -> Presented:
    """Look through the headers once, names in lower case as ASGI has them.

    RFC 6750, section 2: a client uses no more than one way. A second `Authorization` line is refused even if it says
    the same, as gateways differ in which they forward.
    """
    authorizations: list[str] = []
    cookies: list[str] = []
    told: list[bytes] = []
    for name, value in headers:
        if name == b"authorization":
            authorizations.append(value.decode("latin-1"))
        elif name == b"cookie":
            cookies.append(value.decode("latin-1"))
        elif name == address_header:
            told.append(value)
    address = _address(told[0]) if len(told) == 1 else None
    try:
        given = in_header(authorizations)
        stored = [] if cookie is None else in_cookies(cookies, cookie)
    except Malformed:
        return Presented(None, BEARER, False, True, address)
    chosen = given or (stored[0] if stored else None)
    if chosen is None:
        return Presented(None, BEARER, False, False, address)
    ambiguous = any(other.token != chosen.token for other in stored)
    return Presented(chosen.token.encode("latin-1"), chosen.scheme, given is None, ambiguous, address)


def _address(value: bytes) -> str | None:
    """An address as telemetry's are digested: in its shortest form, IPv4 not mapped into IPv6, without a zone."""
    try:
        address = ip_address(value.strip().decode("latin-1").partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)
