"""`POST /v1/introspect`: what a token says, and whether it is good, RFC 7662.

Good is what verifies (`api.tokens`) and nothing in the registry hits. Whatever else it is, revoked, ended, foreign, or
of an issuer that the caller may not know of, is the one answer `{"active": false}`, which says not even why (section
2.2). A quarantined token is inactive, too: RFC 7662 has no word for "sign in again", and a resource server that asks
only here would otherwise let the thief pass. Who wants to tell the two apart asks `/v1/check` or `/authz`.

`token_type_hint` is not looked at: there is one kind of token here (section 2.1 permits it). Whether a token that is
bound to a key came with its proof is the resource server's to check, by `cnf` (RFC 9449, section 6.2).
"""

from collections.abc import Callable

import msgspec

from api.compact import Invalid, Payload, read_compact, seconds
from api.problems import NOT_READY
from api.protocols.counts import ProtocolCounts
from api.protocols.forms import FORM_BYTES, MEDIA_TYPE, form_of, token_of
from api.protocols.wire import JSON, RETRY, Answer, Fault, Request, Route, oauth
from api.tokens import Tokens
from revocation.replica import Replica

PATH = "/v1/introspect"

INACTIVE = Answer(200, b'{"active":false}', (JSON,))

#: Members of the answer that are the token's own, with the types that the answer promises (section 2.2; RFC 9470,
#: section 6.2; RFC 9449, section 6.2). What is of another type is left out.
TEXTS = ("scope", "client_id", "username", "sub", "iss", "jti", "acr")
TIMES = ("exp", "iat", "nbf", "auth_time")


class Introspection:
    """Answers by `tokens` and `replica`. `clock` gives epoch milliseconds."""

    def __init__(
        self,
        tokens: Tokens,
        replica: Replica,
        clock: Callable[[], int],
        counts: ProtocolCounts,
        *,
        max_staleness_ms: int = 60_000,
    ) -> None:
        self._tokens = tokens
        self._replica = replica
        self._clock = clock
        self._counts = counts
        self._max_staleness_ms = max_staleness_ms

    def route(self) -> Route:
        """The route."""
        return Route(PATH, [MEDIA_TYPE], FORM_BYTES, self.serve, oauth, self._counts)

    async def serve(self, request: Request) -> Answer:
        """One question."""
        token = token_of(form_of(request.body))
        payload = await self._active(request, token)
        self._counts.introspected["inactive" if payload is None else "active"] += 1
        return INACTIVE if payload is None else Answer(200, msgspec.json.encode(answer_of(payload)), (JSON,))

    async def _active(self, request: Request, token: bytes) -> Payload | None:
        """The token's payload; None: it is not good, or not for the caller to know."""
        try:
            known = self._tokens.recall(token, self._clock(), verified=True) or await self._tokens.verify(token)
        except Invalid:
            return None
        now = self._clock()
        if self._replica.position is None or now - self._replica.fresh_at > self._max_staleness_ms:
            # "Active" would be a guess, and resource servers may keep it until the token ends.
            raise Fault(503, "temporarily_unavailable", NOT_READY.detail, RETRY)
        if not request.principal.sees(known.claims.iss) or self._replica.check(known.claims, now).decision != "allow":
            return None
        return read_compact(token).payload


def answer_of(payload: Payload) -> dict[str, object]:
    """The answer about a good token, section 2.2."""
    said: dict[str, object] = {"active": True, "token_type": "Bearer"}
    said |= {name: value for name in TEXTS if isinstance(value := payload.get(name), str)}
    said |= {name: value for name in TIMES if (value := _time(payload, name)) is not None}
    if "client_id" not in said and isinstance(client := payload.get("azp"), str):
        said["client_id"] = client
    if isinstance(aud := payload.get("aud"), str | list):
        said["aud"] = aud
    bound = payload.get("cnf")
    if isinstance(bound, dict):
        said["cnf"] = {name: value for name, value in bound.items() if isinstance(value, str)}
        if "jkt" in bound:
            said["token_type"] = "DPoP"  # noqa: S105 - RFC 9449, section 6.2, wants it so
    return said


def _time(payload: Payload, name: str) -> int | None:
    """A time in whole seconds; what was not looked at when the token was verified may be anything."""
    try:
        moment = seconds(payload, name)
    except Invalid:
        return None
    return None if moment is None else int(moment)
