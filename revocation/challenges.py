"""What a refused request is told: the challenges of RFC 6750, section 3, and RFC 9470, section 3. PURE.

The words stand here once, for the API and for the middleware alike. They are constant but for realm, scheme and
`max_age`: a client learns that it must sign in again, never what it was recognised by.
"""

import re

import msgspec

REALM = "tokenward"
"""The protection space that is named where nobody chose another."""

PROOFS = "ES256 ES384 ES512 PS256 PS384 PS512 RS256 RS384 RS512 EdDSA"
"""What a DPoP proof may be signed with (RFC 9449, section 5.1); the resource server looks at it."""

_UNQUOTABLE = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
"""What must not stand in a quoted value: the quote, the backslash, line ends, all that is not ASCII (RFC 6750, 3)."""


class Challenge(msgspec.Struct, frozen=True):
    """One kind of refusal. Without an `error` it only says that a token is wanted (RFC 6750, section 3.1)."""

    error: str | None = None
    description: str | None = None

    def field(self, realm: str = REALM, *, scheme: str = "Bearer", max_age: int | None = None) -> str:
        """The value of one `WWW-Authenticate` field; `scheme` is the one that the request came with."""
        known = {"realm": realm, "error": self.error, "error_description": self.description, "max_age": max_age}
        known |= {"algs": PROOFS} if scheme == "DPoP" else {}
        return f"{scheme} " + ", ".join(
            f'{name}="{quotable(str(value))}"' for name, value in known.items() if value is not None
        )


MISSING = Challenge()
INVALID_REQUEST = Challenge("invalid_request", "The access token is malformed, or there is more than one")
INVALID_TOKEN = Challenge("invalid_token", "The access token is no longer valid")
STEP_UP = Challenge("insufficient_user_authentication", "More recent authentication is required")


def quotable(text: str) -> str:
    """The text with a question mark for each character that must not stand in a challenge."""
    return _UNQUOTABLE.sub("?", text)


def max_age_of(auth_after: int | None, now: int) -> int:
    """How many seconds ago a login that ends the quarantine may have been, at the most; 0: it has to be a new one.

    Both in epoch milliseconds. `auth_time` counts whole seconds, so the first one that is late enough is the second
    after the quarantine's own. A client that shows the challenge later is asked for more than is needed, never less.
    """
    return 0 if auth_after is None else max(0, now // 1000 - auth_after // 1000 - 1)
