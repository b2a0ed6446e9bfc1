"""Refuses revoked tokens before a Flask, Django or any other WSGI application sees them.

Danger: this does not authenticate. By default a token is read without being verified, so a forged one that nobody
revoked passes on, and the application must verify it, as it has to without this. Only Bearer and DPoP tokens in
`Authorization`, and the cookie that is named, are looked at; an application that takes tokens elsewhere asks
`Replica.check` itself.

    app.wsgi_app = RevocationMiddleware(app.wsgi_app, replica)
"""

from collections.abc import Callable, Iterable, Mapping
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from revocation.bearer import Malformed
from revocation.challenges import INVALID_REQUEST, INVALID_TOKEN, REALM
from revocation.claims import Claims
from tokenward.client.replica import Replica
from tokenward.client.rules import NOT_ACCEPTED, Rules, Verdict, WhenStale, claims_in, unverified

ReadClaims = Callable[[str, WSGIEnvironment], Claims | Mapping[str, object] | None]
"""Gives the claims of a token that it has verified, or None: the token is none to judge here. Raises `ValueError` or
`jwt.InvalidTokenError` when it is not a good one."""

STATE = "tokenward.revocation"
"""In the environment under this key is the `Answer` about the request's token, where it has one."""


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
        app: WSGIApplication,
        replica: Replica,
        *,
        when_stale: WhenStale = "closed",
        claims: ReadClaims | None = None,
        address: Callable[[WSGIEnvironment], str | None] | None = None,
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

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Judge one request."""
        if not self._rules.exempts(environ.get("PATH_INFO", "")):
            verdict = self._judged(environ)
            if verdict.refusal is not None:
                status = verdict.refusal.status
                start_response(f"{status.value} {status.phrase}", list(verdict.refusal.fields))
                return [] if environ["REQUEST_METHOD"] == "HEAD" else [verdict.refusal.body]
            if verdict.answer is not None:
                environ[STATE] = verdict.answer
        return self._app(environ, start_response)

    def _judged(self, environ: WSGIEnvironment) -> Verdict:
        try:
            tokens = self._rules.presented(_fields(environ, "HTTP_AUTHORIZATION"), _fields(environ, "HTTP_COOKIE"))
        except Malformed:
            return Verdict(self._rules.refused(INVALID_REQUEST))
        try:
            read = [(presented, self._read(presented.token, environ)) for presented in tokens]
        except NOT_ACCEPTED:
            return Verdict(self._rules.refused(INVALID_TOKEN, tokens[0].scheme))
        return self._rules.decide(self._replica, read)

    def _read(self, token: str, environ: WSGIEnvironment) -> Claims | None:
        if self._claims is None:
            return unverified(token, self._address and self._address(environ))
        return claims_in(self._claims(token, environ))


def _fields(environ: WSGIEnvironment, name: str) -> list[str]:
    return [environ[name]] if name in environ else []
