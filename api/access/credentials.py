"""What a request shows of its caller: a key, a token, or the certificate of its connection. PURE."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable
from typing import Literal, NamedTuple

from api.access.access import KEY_PREFIX
from revocation.bearer import BEARER, Malformed, in_header

Field = tuple[bytes, bytes]
"""One header."""
HEADERS = (b"x-api-key", b"authorization")


class Shown(NamedTuple):
    """One credential."""

    kind: Literal["key", "token"]
    secret: bytes
    #: The scheme of `Authorization`; None: the key has a header of its own.
    scheme: str | None = None
    #: Whose it is said to be; None: nothing is said.
    name: str | None = None


def field_of(headers: Iterable[Field], *, authorization: bool) -> Field | None:
    """The header with a credential, names in lower case as ASGI has them; None: there is none.

    Raises:
        Malformed: there are several.
    """
    found = None
    for header in headers:
        name = header[0]
        if name == b"x-api-key" or (name == b"authorization" and authorization):
            if found is not None:
                raise Malformed("There is more than one credential.")
            found = header
    return found


def shown(field: Field) -> Shown:
    """The credential in its header.

    Raises:
        Malformed: it is one of a kind that nobody here knows.
    """
    name, value = field
    return Shown("key", value) if name == b"x-api-key" else _authorization(value.decode("latin-1"))


def _authorization(field: str) -> Shown:
    scheme, _, rest = field.partition(" ")
    if scheme.lower() == "basic":
        return _basic(rest.strip())
    given = in_header([field])
    if given is None or given.scheme != BEARER:
        # A DPoP proof is not looked at here, so a token that needs one is not taken (RFC 9449, section 7.2).
        raise Malformed("The scheme is not Bearer.")
    secret = given.token.encode("latin-1")
    return Shown("key" if secret.startswith(KEY_PREFIX) else "token", secret, BEARER)


def _basic(text: str) -> Shown:
    """Name and key as OAuth's clients send them (RFC 6749, 2.3.1); what a key has in it needs no escapes."""
    try:
        name, colon, key = b64decode(text, validate=True).decode("ascii").partition(":")
    except (Base64Error, ValueError):
        raise Malformed("It is not a name and a key.") from None
    if not colon:
        raise Malformed("It is not a name and a key.")
    return Shown("key", key.encode(), "Basic", name)
