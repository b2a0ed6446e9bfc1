"""Refuses revoked tokens before a Starlette, FastAPI or any other ASGI application sees them.

Danger: this does not authenticate. By default a token is read without being verified, so a forged one that nobody
revoked passes on, and the application must verify it, as it has to without this. Only Bearer and DPoP tokens in
`Authorization`, and the cookie that is named, are looked at; an application that takes tokens elsewhere asks
`Replica.check` itself.

    app.add_middleware(RevocationMiddleware, replica=replica)
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from inspect import isawaitable
from typing import Any

from revocation.bearer import Malformed
from revocation.challenges import INVALID_REQUEST, INVALID_TOKEN, REALM
from revocation.claims import Claims
from tokenward.client.replica import Replica
from tokenward.client.rules import NOT_ACCEPTED, Refusal, Rules, Verdict, WhenStale, claims_in, unverified

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

Read = Claims | Mapping[str, object] | None
ReadClaims = Callable[[str, Scope], Read | Awaitable[Read]]
"""Gives the claims of a token that it has verified, or None: the token is none to judge here. Raises `ValueError` or
`jwt.InvalidTokenError` when it is not a good one."""

STATE = "revocation"
"""`request.state.revocation` is the `Answer` about the request's token, where it has one."""
POLICY_VIOLATION = 1008


class RevocationMiddleware:
    """Answers 401 to revoked tokens, and to quarantined ones with the challenge to sign in again.

    `when_stale` says whether tokens that are not known bad pass while `replica` is stale or not ready ("open") or are
    answered 503 ("closed"); `claims` reads a token's claims instead of this class; `address` gives the address that a
    request comes from, where entries may be about those; `cookie` names a cookie that may hold a token, too; `exempt`
    are paths that are not looked at, with all below them where they end with `/`. A request without a token passes.

    Raises:
        ValueError: `when_stale` is neither of the two words, or an exempt path is none.
    """

    def __init__(
        self,
        app: App,
        replica: Replica,
        *,
        when_stale: WhenStale = "closed",
        claims: ReadClaims | None = None,
        address: Callable[[Scope], str | None] | None = None,
        realm: str = REALM,
        cookie: str | None = None,
        exempt: Iterable[str] = (),
    ) -> None:
        self._app = app
        self._replica = replica
        self._rules = Rules(
            when_stale=when_stale,
            realm=realm,
            cookie=cookie,
            exempt=(exempt,) if isinstance(exempt, str) else tuple(exempt),
        )
        self._claims = claims
        self._address = address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Judge one request or one websocket's handshake; whatever else it is passes."""
        if scope["type"] in {"http", "websocket"} and not self._rules.exempts(scope["path"]):
            verdict = await self._judged(scope)
            if verdict.refusal is not None:
                await _refuse(verdict.refusal, scope, send)
                return
            if verdict.answer is not None:
                scope.setdefault("state", {})[STATE] = verdict.answer
        await self._app(scope, receive, send)

    async def _judged(self, scope: Scope) -> Verdict:
        try:
            tokens = self._rules.presented(_fields(scope, b"authorization"), _fields(scope, b"cookie"))
        except Malformed:
            return Verdict(self._rules.refused(INVALID_REQUEST))
        try:
            read = [(presented, await self._read(presented.token, scope)) for presented in tokens]
        except NOT_ACCEPTED:
            return Verdict(self._rules.refused(INVALID_TOKEN, tokens[0].scheme))
        return self._rules.decide(self._replica, read)

    async def _read(self, token: str, scope: Scope) -> Claims | None:
        if self._claims is None:
            return unverified(token, self._address and self._address(scope))
        read = self._claims(token, scope)
        return claims_in(await read if isawaitable(read) else read)


def _fields(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


async def _refuse(refusal: Refusal, scope: Scope, send: Send) -> None:
    if scope["type"] == "websocket":
        # Before it is accepted: the server answers 403.
        await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": ""})
        return
    headers = [(name.lower().encode(), value.encode()) for name, value in refusal.fields]
    await send({"type": "http.response.start", "status": refusal.status.value, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else refusal.body})
