"""Where a request carries its access token: `Authorization` (RFC 6750, 2.1; RFC 9449, 7.1), or a cookie. PURE.

What an application might take for a token must not pass as none. So a field that begins with one of the schemes is
either exactly as the RFC writes it or refused, and a cookie is read without the escapes that some libraries know.
"""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

BEARER, DPOP = "Bearer", "DPoP"
SCHEMES = {"bearer": BEARER, "dpop": DPOP}
MOST_COOKIES = 4
"""How many cookies of one name are looked at: browsers send one for each path that it was set for."""

_TOKEN = r"[A-Za-z0-9._~+/-]+=*"  # noqa: S105 - `b64token` of RFC 6750, section 2.1
_FIELD = re.compile(rf"(bearer|dpop) +({_TOKEN}) *", re.IGNORECASE)
#: A scheme ends where a token of RFC 9110, section 5.6.2, ends; some servers join several fields by commas.
_OURS = re.compile(r"(?:^|,)\s*(bearer|dpop)(?![\w!#$%&'*+.^`|~-])", re.IGNORECASE)
_VALUE = re.compile(_TOKEN)


class Presented(NamedTuple):
    """A token, and the scheme that a challenge about it must name."""

    token: str
    scheme: str = BEARER


class Malformed(ValueError):  # noqa: N818 - named after what is wrong
    """A token is carried in a way that no two readers need to understand alike."""


def in_header(fields: Sequence[str]) -> Presented | None:
    """The token in the `Authorization` fields of a request; None: there is none, or one of another scheme.

    Raises:
        Malformed: there are several fields, or it is not one token.
    """
    if not fields:
        return None
    if len(fields) > 1:
        raise Malformed("There is more than one Authorization field.")
    found = _FIELD.fullmatch(fields[0])
    if found is not None:
        return Presented(found[2], SCHEMES[found[1].lower()])
    if _OURS.search(fields[0]):
        raise Malformed("The Authorization field is not a scheme, a space, and a token.")
    return None


def in_cookies(fields: Iterable[str], name: str) -> list[Presented]:
    """The tokens in the cookies of that name; empty ones, as a logout leaves them, are none.

    Raises:
        Malformed: there are too many, or one is no token.
    """
    pairs = (pair.partition("=") for field in fields for pair in field.split(";"))
    values = [value.strip().strip('"') for key, _, value in pairs if key.strip() == name]
    tokens = [value for value in values if value]
    if len(tokens) > MOST_COOKIES or not all(map(_VALUE.fullmatch, tokens)):
        raise Malformed("The cookie is no token, or there are too many.")
    return [Presented(token) for token in tokens]
