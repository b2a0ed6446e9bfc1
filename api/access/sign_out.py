"""The credential of global token revocation: a token of the issuer that asks, for that and for nothing else.

Okta sends `Authorization: Bearer` with a JWT of the type `global-token-revocation+jwt`, whose `aud` is the exact URL
that it posts to. Whoever holds one may sign people of that issuer out, and nothing more.
"""

from functools import partial

from api.access.principal import Principal, Verb
from api.compact import Compact, Invalid, read_compact, seconds
from api.tokens import Tokens, audience_of, in_time
from api.trust import TrustedIssuer, typ_of
from revocation.record import Scope

TYPE = "global-token-revocation+jwt"


def is_sign_out(token: bytes) -> bool:
    """Whether it says that it is such a token.

    Raises:
        Invalid: it is no token.
    """
    typ = read_compact(token).typ
    return typ is not None and typ_of(typ) == TYPE


async def signed_out_by(token: bytes, tokens: Tokens, url: str) -> tuple[Principal, float]:
    """Who asks, and until when the token is good, epoch milliseconds.

    Raises:
        Invalid: it is not good.
        Unverifiable: its issuer's keys cannot be had.
    """
    compact = await tokens.verify_as(token, partial(_admitted, url))
    iss = str(compact.payload["iss"])
    principal = Principal(
        name=f"global-token-revocation ({iss})",
        kind="token",
        verbs=frozenset({Verb.SIGN_OUT}),
        scopes=frozenset({Scope.SUBJECT}),
        issuers=frozenset({iss}),
    )
    return principal, ((seconds(compact.payload, "exp") or 0) + tokens.key_sets[iss].issuer.leeway_s) * 1000


def _admitted(url: str, compact: Compact, issuer: TrustedIssuer, now: int) -> float:
    if compact.alg not in issuer.algorithms:
        raise Invalid("algorithm")
    if audience_of(compact.payload) != [url]:
        # For this place alone: what could be shown elsewhere, too, could be taken there and shown here.
        raise Invalid("audience")
    return in_time(compact.payload, issuer.leeway_s, now)
