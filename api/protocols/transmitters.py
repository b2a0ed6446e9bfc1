"""Security event tokens, verified: is this one of a transmitter that is trusted, of the right type, and signed by it?

What comes is told in RFC 8935's codes. Until the signature is known to be good nothing depends on what the token says
but whose keys are looked at, and no answer tells more than that the token was not taken.
"""

import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from api.compact import Compact, Invalid, Payload
from api.tokens import Tokens
from api.trust import TrustedIssuer, typ_of
from revocation.record import Scope
from revocation.secevents import Code, SetRefused, Transmitter

TYPE = "secevent+jwt"

USUAL_SCOPES = frozenset({Scope.TOKEN, Scope.FAMILY, Scope.SUBJECT, Scope.DEVICE})

#: Why a token is not taken -> what the transmitter is told. What is not here is not as RFC 8417 says.
CODES: dict[str, Code] = {
    "issuer_missing": "invalid_issuer",
    "issuer_unknown": "invalid_issuer",
    "algorithm": "invalid_key",
    "encrypted": "invalid_key",
    "unsigned": "invalid_key",
    "key_unknown": "invalid_key",
    "key_unnamed": "invalid_key",
    "signature": "authentication_failed",
}
SENTENCES: dict[Code, str] = {
    "invalid_request": "The body is no security event token (RFC 8417).",
    "invalid_key": "The token is not signed, or by a key or an algorithm that this receiver does not take.",
    "invalid_issuer": "The token is not of an issuer that this receiver knows.",
    "authentication_failed": "The token is not signed by its issuer, or the transmitter did not show itself.",
}


@dataclass(frozen=True, kw_only=True)
class TrustedTransmitter:
    """One transmitter: what it may say, by which keys, and what its words may end."""

    says: Transmitter
    #: Where its keys are, and which algorithms it signs by.
    keys: TrustedIssuer
    scopes: frozenset[Scope] = USUAL_SCOPES
    #: What it was told to send in `Authorization` (SSF 1.0, section 6.1.1); None: the signature is all.
    authorization: str | None = None


class Transmitters:
    """Verifies tokens of `trusted`. `clock` gives epoch milliseconds. Everything on one event loop."""

    def __init__(self, trusted: Sequence[TrustedTransmitter], clock: Callable[[], int]) -> None:
        self.by_iss = {one.says.iss: one for one in trusted}
        #: The transmitters' keys, which verify nothing but security events.
        self.tokens = Tokens([one.keys for one in trusted], clock)

    async def verified(self, token: bytes) -> tuple[Payload, TrustedTransmitter]:
        """The payload of a token, and who signed it.

        Raises:
            SetRefused: it is not taken.
            Unverifiable: its issuer's keys cannot be had now.
        """
        try:
            compact = await self.tokens.verify_as(token, self._admitted)
        except Invalid as invalid:
            raise refused(CODES.get(invalid.reason, "invalid_request")) from None
        return compact.payload, self.by_iss[str(compact.payload["iss"])]

    def _admitted(self, compact: Compact, issuer: TrustedIssuer, _: int) -> float:
        if compact.alg not in issuer.algorithms:
            raise Invalid("algorithm")
        typed = compact.typ is not None and typ_of(compact.typ) == TYPE
        # An older wire says nothing of its type, or that it is a JWT, and is told from others by its events.
        untyped = self.by_iss[issuer.iss].says.lenient and (compact.typ is None or typ_of(compact.typ) == "jwt")
        if not typed and not (untyped and "events" in compact.payload):
            raise Invalid("type")
        return float("inf")  # SSF 1.0, section 4.1.7: what has happened does not end


def is_shown(authorization: str | None, transmitter: TrustedTransmitter) -> bool:
    """Whether a push carries what the transmitter was told to send."""
    expected = transmitter.authorization
    if expected is None:
        return True
    return hmac.compare_digest((authorization or "").encode("latin-1", "replace"), expected.encode())


def refused(code: Code) -> SetRefused:
    """A token that is not taken."""
    return SetRefused(code, SENTENCES[code])
