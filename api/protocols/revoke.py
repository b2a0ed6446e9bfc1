"""`POST /oauth2/revoke`: a client gives its own token up, RFC 7009.

The token is a JWT of a configured issuer, and is revoked by what gateways match: its `jti`, and, where the settings say
so (`protocols.cascade`), with it the session in `sid`, which ends what else was issued in it (section 2.1: SHOULD for a
refresh token, MAY for an access token). `token_type_hint` is not looked at, so a wrong one stops nothing (section 2.1).

| the token | answer | effect |
|---|---|---|
| of this client | 200 | refused by every gateway, and by this process before the answer |
| of another client; ended; forged; of nobody we know | 200 (section 2.2) | none |
| opaque or encrypted; or neither `jti` nor a session to match | 400 `unsupported_token_type` (section 2.2.1) | none |
| any, while registry, trail or the issuer's keys are away | 503, `Retry-After` (section 2.2.1) | none for sure |

An opaque token may well be alive at its issuer, and a 200 would say that it is not: nobody here could refuse it.
A detector or an operator is not "the client the token was issued to"; they have the write API.
"""

from collections.abc import Callable, Collection

import msgspec
from starlette.concurrency import run_in_threadpool

from api.access.principal import Principal, Verb
from api.compact import Compact, Invalid, seconds
from api.protocols.counts import ProtocolCounts
from api.protocols.forms import FORM_BYTES, MEDIA_TYPE, form_of, token_of
from api.protocols.spans import span_ms
from api.protocols.wire import Answer, Fault, Request, Route, oauth
from api.registrar import ApprovalNeeded, Forbidden, Registrar
from api.tokens import FOREIGN_CLAIMED_TYPES, Tokens, in_time
from api.trust import LONGEST_LEEWAY_S, UNTYPED, TrustedIssuer, typ_of
from api.writes.terms import Terms
from revocation.claims import Claims, claims_of
from revocation.orders import Order, Target, decision_of
from revocation.record import Scope, State

PATH = "/oauth2/revoke"
REASON = "oauth.revoked"
DONE = Answer(200)
CHALLENGE = (b"www-authenticate", b'Bearer realm="tokenward"')

#: Of a token that cannot be taken: those that are no signed JWT at all may be somebody's live token.
UNSUPPORTED = frozenset({"malformed", "encrypted", "unsigned", "too_large"})
SCOPES = frozenset({Scope.TOKEN, Scope.FAMILY})
"""What a client may end by this route, and by no other: that it holds the token is its right to."""
REFRESH_TYPES = frozenset({"Refresh", "Offline"})


class ClientRevocation:
    """Revokes tokens for the clients that they were issued to; of issuers in `cascade` their sessions, too."""

    def __init__(
        self,
        tokens: Tokens,
        registrar: Registrar,
        counts: ProtocolCounts,
        *,
        terms: Callable[[], Terms],
        cascade: Collection[str] = (),
    ) -> None:
        self._tokens = tokens
        self._registrar = registrar
        self._counts = counts
        self._terms = terms
        self._cascade = frozenset(cascade)

    def route(self) -> Route:
        """The route."""
        return Route(PATH, [MEDIA_TYPE], FORM_BYTES, self.serve, oauth, self._counts)

    async def serve(self, request: Request) -> Answer:
        """One request."""
        form = form_of(request.body)
        token = token_of(form)
        mine = _clients_of(request.principal, form)
        if not mine:
            # Section 2.1: the client is known before anything is said of the token.
            sentence = "The caller is not this client, or has no client id in the settings."
            raise Fault(401, "invalid_client", sentence, CHALLENGE)
        try:
            compact = await self._tokens.verify_as(token, _revocable)
        except Invalid as invalid:
            return self._without_effect(invalid.reason)
        claims = claims_of(compact.payload, compact.kid)
        if claims.client_id not in mine or not request.principal.sees(claims.iss):
            return self._told("foreign")
        orders = self._orders(claims)
        if not orders:
            raise self._unsupported()
        return await self._revoke(request.principal, compact, orders)

    async def _revoke(self, by: Principal, compact: Compact, orders: list[Order]) -> Answer:
        now = self._registrar.clock()
        # The token's own end decides how long.
        until = int((seconds(compact.payload, "exp") or 0) * 1000) + LONGEST_LEEWAY_S * 1000
        decisions = [
            decision_of(
                order,
                self._registrar.digest_key,
                now,
                span_ms(order, self._terms()),
                actor=by.name,
                cause=PATH,
                until=until,
            )
            for order in orders
        ]
        iss = orders[0].target.iss
        acting = msgspec.structs.replace(by, verbs=frozenset({Verb.REVOKE}), scopes=SCOPES)
        try:
            await run_in_threadpool(self._registrar.revoke, acting, decisions, iss=iss, via="oauth", reason=REASON)
        except (Forbidden, ApprovalNeeded):
            self._counts.revoked["forbidden"] += 1
            raise Fault(400, "unauthorized_client", "The caller may not revoke tokens of this issuer.") from None
        return self._told("revoked")

    def _orders(self, claims: Claims) -> list[Order]:
        """What a gateway can match of the token; with a session that is to end, the session."""
        iss, at = claims.iss or "", self._registrar.clock()
        targets = []
        if claims.jti is not None:
            targets.append(Target(Scope.TOKEN, iss, claims.jti))
        if claims.sid is not None and iss in self._cascade:
            targets.append(Target(Scope.FAMILY, iss, claims.sid))
        return [Order(target=target, state=State.REVOKED, reason=REASON, at=at) for target in targets]

    def _without_effect(self, reason: str) -> Answer:
        if reason in UNSUPPORTED:
            raise self._unsupported()
        return self._told("ended" if reason == "expired" else "invalid")

    def _unsupported(self) -> Fault:
        self._counts.revoked["unsupported"] += 1
        return Fault(400, "unsupported_token_type", "Tokens of this type cannot be revoked here.")

    def _told(self, outcome: str) -> Answer:
        self._counts.revoked[outcome] += 1
        return DONE


def _clients_of(by: Principal, form: dict[str, str]) -> frozenset[str]:
    """The clients that the caller is, or of these the one that it says it is."""
    said = form.get("client_id")
    if by.kind == "open":
        return frozenset() if said is None else frozenset({said})
    return by.clients if said is None else by.clients & {said}


def _revocable(compact: Compact, issuer: TrustedIssuer, now: int) -> float:
    """As an access token is admitted, but for any audience, and refresh tokens that are signed JWTs as well."""
    if compact.alg not in issuer.algorithms:
        raise Invalid("algorithm")
    typ = UNTYPED if compact.typ is None else typ_of(compact.typ)
    claimed = compact.payload.get("typ")
    others = FOREIGN_CLAIMED_TYPES - REFRESH_TYPES
    if typ not in issuer.types or "events" in compact.payload or (isinstance(claimed, str) and claimed in others):
        raise Invalid("type")
    return in_time(compact.payload, issuer.leeway_s, now)
