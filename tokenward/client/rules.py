"""What both kinds of middleware do with a request: find its tokens, read them, decide, and word the refusal. No I/O.

The order matters: what is known bad is refused whatever else holds; only then is asked whether the copy is fresh enough
to let the rest pass.
"""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Final, Literal, NamedTuple

import jwt
import msgspec

from revocation.bearer import BEARER, Presented, in_cookies, in_header
from revocation.challenges import INVALID_TOKEN, REALM, STEP_UP, Challenge, max_age_of
from revocation.claims import Answer, Claims, claims_of
from tokenward.client.replica import Replica

WhenStale = Literal["closed", "open"]
MEDIA_TYPE: Final = "application/problem+json"
TYPE: Final = "urn:problem-type:tokenward:"
RETRY_SECONDS: Final = 5
NOT_ACCEPTED: Final = (jwt.InvalidTokenError, ValueError)
"""What whoever reads a token's claims raises when it is not a good one."""

_SEVERITY = {"allow": 0, "step_up": 1, "deny": 2}


class Refusal(msgspec.Struct, frozen=True):
    """A whole response; `fields` are its headers."""

    status: HTTPStatus
    fields: tuple[tuple[str, str], ...]
    body: bytes


class Verdict(NamedTuple):
    """What becomes of a request: it is refused, or it passes, with the answer about its token if it has one."""

    refusal: Refusal | None = None
    answer: Answer | None = None


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What one application chose.

    Raises:
        ValueError: `when_stale` is neither of the two words, or an exempt path is none.
    """

    #: What becomes of tokens that are not known bad while the copy is stale or not ready: refused, or let pass.
    when_stale: WhenStale = "closed"
    #: The protection space that challenges name.
    realm: str = REALM
    #: A cookie that may hold a token, too.
    cookie: str | None = None
    #: Paths that are not looked at; one that ends with `/` stands for all below it, but for `/` alone.
    exempt: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.when_stale not in {"closed", "open"}:
            raise ValueError('when_stale is "closed" or "open".')
        if not all(one.startswith("/") for one in self.exempt):
            raise ValueError("Exempt paths begin with a slash.")

    def exempts(self, path: str) -> bool:
        """Whether requests for that path are not looked at."""
        # Whoever comes behind this might go up again: a path that could lead elsewhere is never exempt.
        plain = "/." not in path and "//" not in path
        return plain and any(path == one or (one[1:].endswith("/") and path.startswith(one)) for one in self.exempt)

    def presented(self, authorization: Sequence[str], cookies: Iterable[str]) -> list[Presented]:
        """Every token of a request, as the application may take any of them.

        Raises:
            Malformed: a token is carried in a way that readers may differ about.
        """
        header = in_header(authorization)
        found = [] if header is None else [header]
        return found + (in_cookies(cookies, self.cookie) if self.cookie else [])

    def decide(self, replica: Replica, tokens: Sequence[tuple[Presented, Claims | None]]) -> Verdict:
        """What becomes of a request with these tokens; those without claims are none for this to judge."""
        judged = [(replica.check(claims), presented) for presented, claims in tokens if claims is not None]
        if not judged:
            return Verdict()
        answer, presented = max(judged, key=lambda pair: _SEVERITY[pair[0].decision])
        if answer.decision == "deny":
            return Verdict(self.refused(INVALID_TOKEN, presented.scheme))
        if answer.decision == "step_up":
            return Verdict(self.refused(STEP_UP, presented.scheme, max_age_of(answer.auth_after, replica.now)))
        if self.when_stale == "closed" and replica.stale:
            return Verdict(STALE)
        return Verdict(answer=answer)

    def refused(self, challenge: Challenge, scheme: str = BEARER, max_age: int | None = None) -> Refusal:
        """The response to a token that is not accepted."""
        field = ("WWW-Authenticate", challenge.field(self.realm, scheme=scheme, max_age=max_age))
        return _refusal(HTTPStatus.UNAUTHORIZED, str(challenge.error), f"{challenge.description}.", field)


def unverified(token: str, address: str | None = None) -> Claims:
    """What a JWT says of itself. Danger: whoever made it up says so, too; it serves to refuse, never to let in.

    Raises:
        jwt.InvalidTokenError: it is no JWT that can be read.
    """
    try:
        whole = jwt.decode_complete(token, options={"verify_signature": False})
    except RecursionError:
        raise jwt.DecodeError("The token's JSON is nested too deeply.") from None
    return claims_of(whole["payload"], whole["header"].get("kid"), address)


def claims_in(read: Claims | Mapping[str, object] | None) -> Claims | None:
    """The claims, of what an application's own reader returned."""
    return read if read is None or isinstance(read, Claims) else claims_of(read)


def _refusal(status: HTTPStatus, slug: str, detail: str, field: tuple[str, str]) -> Refusal:
    title = slug.replace("_", " ").capitalize()
    body = msgspec.json.encode({"type": TYPE + slug, "title": title, "status": status.value, "detail": detail})
    fields = (("Content-Type", MEDIA_TYPE), ("Content-Length", str(len(body))), ("Cache-Control", "no-store"), field)
    return Refusal(status, fields, body)


STALE: Final = _refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "stale",
    "Whether tokens were revoked is not known here for the moment.",
    ("Retry-After", str(RETRY_SECONDS)),
)
