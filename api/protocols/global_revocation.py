"""`POST /v1/global-token-revocation`: sign a person out everywhere, draft-parecki-oauth-global-token-revocation.

`{"sub_id": {"format": "iss_sub", "iss": "…", "sub": "…"}}`, or `subject` instead of `sub_id`, as Auth0 and older drafts
have it. What follows is an entry about the person: every token of a login up to now is refused, and the person signs in
again. It is not told on: providers that tell us what we tell them would never come to an end.

| answer | when |
|---|---|
| 204 | it is done, and this process refuses already; also where the person has no token |
| 400 | it is no subject identifier, or of a format that nobody here knows |
| 403 | the caller may not end this issuer's people's sessions; whether there is such an issuer is not told |
| 404 | there is no such issuer, told only to who may act on all |
| 422 | the identifier says too little: an `email` without a mapping, or an `opaque` id of nobody knows which issuer |

There is no directory here, so whether a person exists is unknown, and cannot be found out by asking. Errors are
problem+json, as the draft defines no bodies.
"""

from collections.abc import Callable, Collection

import msgspec
from starlette.concurrency import run_in_threadpool

from api.access.principal import Principal, Verb
from api.problems import BAD_REQUEST, FORBIDDEN, UNKNOWN_ISSUER, UNREVOCABLE, Refused
from api.protocols.counts import ProtocolCounts
from api.protocols.spans import span_ms
from api.protocols.wire import Answer, Request, Route, problem_json
from api.registrar import ApprovalNeeded, Forbidden, Registrar
from api.writes.terms import Terms
from revocation.identifiers import Identifier, Misnamed, named
from revocation.orders import Order, Target, decision_of
from revocation.record import Scope, State

PATH = "/v1/global-token-revocation"
REASON = "gtr.sign_out"
MEDIA_TYPES = (b"application/json",)
MOST_BYTES = 16 * 1024
DONE = Answer(204)


class Question(msgspec.Struct, frozen=True):
    """The body; one of the two members."""

    sub_id: dict[str, object] | None = None
    subject: dict[str, object] | None = None


class GlobalRevocation:
    """Signs people of `issuers` out, by `registrar`; `emails` is the issuer whose `sub` is an e-mail address."""

    def __init__(
        self,
        registrar: Registrar,
        counts: ProtocolCounts,
        *,
        terms: Callable[[], Terms],
        issuers: Collection[str],
        emails: str | None = None,
    ) -> None:
        self._registrar = registrar
        self._counts = counts
        self._terms = terms
        self._issuers = frozenset(issuers)
        self._emails = emails
        self._decoder = msgspec.json.Decoder(Question)

    def route(self) -> Route:
        """The route."""
        return Route(PATH, MEDIA_TYPES, MOST_BYTES, self.serve, problem_json, self._counts)

    async def serve(self, request: Request) -> Answer:
        """One request."""
        try:
            target = self._target(request.principal, self._identifier(request.body))
            await self._sign_out(request.principal, target)
        except Refused as refused:
            self._counts.ended[refused.problem.slug] += 1
            raise
        self._counts.ended["done"] += 1
        return DONE

    def _identifier(self, body: bytes) -> Identifier:
        try:
            said = self._decoder.decode(body)
            about = said.subject if said.sub_id is None else said.sub_id
            simple = named(about, old=True).simple
        except (msgspec.MsgspecError, RecursionError, Misnamed):
            raise Refused(BAD_REQUEST) from None
        if simple is None:
            raise Refused(BAD_REQUEST)
        return simple

    def _target(self, by: Principal, one: Identifier) -> Target:
        """Whom the identifier names.

        Raises:
            Refused: nobody, or somebody whom the caller may not know of.
        """
        if one.format == "iss_sub":
            iss, sub = one.parts["iss"], one.parts["sub"]
        elif one.format == "opaque":
            iss, sub = self._only(by), one.parts["id"]
        elif one.format == "email" and self._emails is not None:
            iss, sub = self._emails, one.parts["email"]
        else:
            raise Refused(UNREVOCABLE)
        if not by.sees(iss):
            raise Refused(FORBIDDEN)
        if iss not in self._issuers:
            raise Refused(UNKNOWN_ISSUER)
        return Target(Scope.SUBJECT, iss, sub)

    def _only(self, by: Principal) -> str:
        """The one issuer that the caller may mean."""
        seen = self._issuers if by.issuers is None else by.issuers
        if len(seen) != 1:
            raise Refused(UNREVOCABLE)
        return next(iter(seen))

    async def _sign_out(self, by: Principal, target: Target) -> None:
        now = self._registrar.clock()
        order = Order(target=target, state=State.REVOKED, reason=REASON, at=now)
        span = span_ms(order, self._terms())
        decision = decision_of(order, self._registrar.digest_key, now, span, actor=by.name, cause=PATH)
        # Whoever came through the gate may do this, and by this route nothing else.
        acting = msgspec.structs.replace(by, verbs=frozenset({Verb.REVOKE}), scopes=frozenset({Scope.SUBJECT}))
        try:
            await run_in_threadpool(
                self._registrar.revoke, acting, [decision], iss=target.iss, via="gtr", reason=REASON
            )
        except (Forbidden, ApprovalNeeded):
            raise Refused(FORBIDDEN) from None
