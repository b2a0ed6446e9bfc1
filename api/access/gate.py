"""Ahead of every route: which rule holds, who asks, may they, and how often.

    rule? ──► credential remembered? ──► else proven ──► verb and reach ──► limit ──► the route
     └► 401, then 404 or 405              └► 401, 429        └► 403           └► 429
     └────── the route proves who sent it: nobody is asked, the address is counted ────────^

Whatever is refused says no more than that it is. A wrong credential costs its address one of few attempts; when those
are used up, only credentials that are remembered are let in from there, so that who guesses locks nobody out.
"""

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from api.access.access import Access
from api.access.authenticate import Authenticator, Known, Unproven
from api.access.buckets import Buckets
from api.access.credentials import Field, field_of
from api.access.principal import OPEN, Principal
from api.access.refused import Refusals
from api.access.rules import Ask, Found, Rule, Table
from api.access.shapes import worded
from api.body import Message, Scope, Send
from api.metrics import Counts
from api.problems import FORBIDDEN, METHOD_NOT_ALLOWED, NOT_FOUND, RATE_LIMITED, UNAUTHENTICATED, UNVERIFIABLE, Problem
from api.raw import NO_STORE
from api.tokens import Unverifiable
from revocation.bearer import BEARER, Malformed
from revocation.challenges import INVALID_TOKEN, MISSING

Header = tuple[bytes, bytes]

_ELSEWHERE = Rule("*", "other", Ask.ANYBODY)
"""What holds where there is nothing: only somebody is told so."""
NETWORK_V6 = 64
"""Bits of an IPv6 address that its owner cannot choose."""


class _Turned(Exception):  # noqa: N818 - named after what happened: turned away
    """The request is refused: `reason` is the metric's label, `headers` the answer's own."""

    def __init__(
        self, problem: Problem, reason: str, principal: Principal | None = None, headers: tuple[Header, ...] = ()
    ) -> None:
        super().__init__(reason)
        self.problem = problem
        self.reason = reason
        self.principal = principal
        self.headers = headers


class _Limit(NamedTuple):
    """How often somebody may ask, and the same as answers say it."""

    buckets: Buckets
    word: bytes
    policy: bytes


def _limit(word: bytes, quota: int, window_s: int) -> _Limit:
    return _Limit(Buckets(quota, window_s), word, b'"%b";q=%d;w=%d' % (word, quota, window_s))


class Gate:
    """Puts the principal into each request that may go on. `clock` gives epoch milliseconds; all on one event loop."""

    def __init__(
        self,
        table: Table,
        access: Access,
        authenticator: Authenticator,
        refusals: Refusals,
        counts: Counts,
        clock: Callable[[], int],
    ) -> None:
        self._table = table
        self._open = access.open
        self._authenticator = authenticator
        self._refusals = refusals
        self._counts = counts
        self._clock = clock
        self._attempts = Buckets(access.failures, access.window_s)
        self._told = Buckets(access.failures, access.window_s)
        self._of_caller = _limit(b"caller", access.requests, access.window_s)
        self._of_address = _limit(b"address", access.events, access.window_s)
        #: Refused requests by why.
        self.refused: dict[str, int] = {}

    def passes(self, scope: Scope) -> bool:
        """Let a request pass whose caller is known already, and not counted; all others go to `judge`."""
        rule = self._table.find(scope["method"], scope["path"])
        if not isinstance(rule, Rule):
            return False
        state = scope.get("state")
        if state is None:
            state = scope["state"] = {}
        if self._open:
            state["principal"] = OPEN
            return True
        if rule.asks is Ask.OWN:
            return False
        known = None if rule.administrative else self._known(scope, rule)
        if known is None:
            return rule.is_free
        if id(rule) not in known.permitted:
            if not rule.permits(known.principal):
                return False
            known.permitted.add(id(rule))
        state["principal"] = known.principal
        return True

    def _known(self, scope: Scope, rule: Rule) -> Known | None:
        """Who asks, where nothing has to be proven for it."""
        try:
            field = field_of(scope["headers"], authorization=rule.shape != "authz")
        except Malformed:
            return None
        return None if field is None else self._authenticator.recall(field)

    async def judge(self, scope: Scope, send: Send) -> Send | None:
        """Look at a request; returns what it is to be answered by, None where it was answered here."""
        found = self._table.find(scope["method"], scope["path"])
        rule = found if isinstance(found, Rule) else _ELSEWHERE
        field: Field | None = None
        try:
            if self._open:
                principal = OPEN
            elif rule.asks is Ask.OWN:
                return self._limited(scope, send, None, rule)
            else:
                field = _field(scope, rule)
                principal = _permitted(await self._principal(scope, field), rule)
            if isinstance(found, Found):
                await self._nothing(scope, send, found)
                return None
            scope.setdefault("state", {})["principal"] = principal
            return self._limited(scope, send, principal, rule) if rule.administrative and not self._open else send
        except _Turned as turned:
            await self._refuse(scope, send, rule, turned, field)
            return None

    async def _principal(self, scope: Scope, field: Field | None) -> Principal:
        """Who asks; raises _Turned where nobody is shown."""
        try:
            if field is None:
                certificate = scope.get("state", {}).get("certificate")
                if certificate is None:
                    raise _Turned(UNAUTHENTICATED, "missing")
                return self._authenticator.of_certificate(certificate)
            known = self._authenticator.recall(field)
            return await self._prove(field, _peer(scope)) if known is None else known.principal
        except Unproven as unproven:
            raise _Turned(UNAUTHENTICATED, unproven.reason) from None
        except Malformed:
            raise _Turned(UNAUTHENTICATED, "malformed") from None

    async def _prove(self, field: Field, peer: str) -> Principal:
        if not self._attempts.has(peer, self._clock()):
            wait = self._attempts.take(peer, self._clock()).seconds
            raise _Turned(RATE_LIMITED, "attempts", headers=_retry(wait))
        try:
            return await self._authenticator.prove(field)
        except Unproven:
            self._attempts.take(peer, self._clock())
            raise
        except Unverifiable:
            raise _Turned(UNVERIFIABLE, "unverifiable") from None

    def _limited(self, scope: Scope, send: Send, principal: Principal | None, rule: Rule) -> Send:
        """The same `send`, which tells the caller what is left, and the trail what the route refuses.

        Whom nobody knows yet is counted by address.
        """
        limit, name = (self._of_address, _peer(scope)) if principal is None else (self._of_caller, principal.name)
        taken = limit.buckets.take(name, self._clock())
        left = b'"%b";r=%d;t=%d' % (limit.word, taken.left, taken.seconds)
        told = ((b"ratelimit-policy", limit.policy), (b"ratelimit", left))
        if not taken.allowed:
            raise _Turned(RATE_LIMITED, "rate_limited", principal, (*told, *_retry(taken.seconds)))

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *told]}
                if message["status"] == FORBIDDEN.status:
                    self._note(scope, principal, rule, "forbidden")
            await send(message)

        return telling

    async def _nothing(self, scope: Scope, send: Send, found: Found) -> None:
        """There is no such route."""
        problem = METHOD_NOT_ALLOWED if found.allow else NOT_FOUND
        allow = ((b"allow", ", ".join(found.allow).encode()),) if found.allow else ()
        await self._answer(
            scope, send, _ELSEWHERE._replace(path=found.path or "other", shape=found.shape), problem, allow
        )

    async def _refuse(self, scope: Scope, send: Send, rule: Rule, turned: _Turned, field: Field | None) -> None:
        self._note(scope, turned.principal, rule, turned.reason)
        headers = turned.headers
        if turned.problem is UNAUTHENTICATED and rule.shape != "lapi":
            headers = (_challenge(field),)
        if rule.shape == "authz":
            headers = ((b"x-token-status", b"unverifiable"), (b"x-token-subject", b""), (b"x-revocation-seq", b"0"))
        await self._answer(scope, send, rule, turned.problem, headers)

    async def _answer(
        self, scope: Scope, send: Send, rule: Rule, problem: Problem, headers: tuple[Header, ...]
    ) -> None:
        answer = worded(problem, rule.shape)
        self._counts.request("/authz" if rule.shape == "authz" else rule.path, answer.status)
        self._counts.refusal(problem.slug)
        sent = [NO_STORE, (b"content-length", b"%d" % len(answer.body)), *headers]
        if answer.media_type is not None:
            sent.append((b"content-type", answer.media_type.encode()))
        if (b"expect", b"100-continue") in scope["headers"]:
            # Whether the body comes now is the client's choice, so what follows on this connection is anybody's guess.
            sent.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": answer.status, "headers": sent})
        await send({"type": "http.response.body", "body": answer.body})

    def _note(self, scope: Scope, principal: Principal | None, rule: Rule, reason: str) -> None:
        """Count a refused attempt, and let it be told, unless the same address has filled the trail lately."""
        self.refused[reason] = self.refused.get(reason, 0) + 1
        if self._told.take(_peer(scope), self._clock()).allowed:
            self._refusals.put(principal, rule, reason)


def _field(scope: Scope, rule: Rule) -> Field | None:
    try:
        return field_of(scope["headers"], authorization=rule.reads_authorization)
    except Malformed:
        raise _Turned(UNAUTHENTICATED, "malformed") from None


def _permitted(principal: Principal, rule: Rule) -> Principal:
    if not rule.permits(principal):
        raise _Turned(FORBIDDEN, "forbidden", principal)
    return principal


def _challenge(field: Field | None) -> Header:
    """How to go on: an error only where a token was shown (RFC 6750, section 3.1), in the scheme that it came by."""
    scheme = b"" if field is None or field[0] != b"authorization" else field[1].partition(b" ")[0].lower()
    if scheme == b"bearer":
        return b"www-authenticate", INVALID_TOKEN.field().encode()
    return b"www-authenticate", MISSING.field(scheme="Basic" if scheme == b"basic" else BEARER).encode()


def _retry(seconds: int) -> tuple[Header, ...]:
    return ((b"retry-after", b"%d" % max(1, seconds)),)


def _peer(scope: Scope) -> str:
    """Where a request comes from, as far as whoever sends it cannot choose."""
    host = (scope.get("client") or ("",))[0]
    try:
        address = ip_address(host)
    except ValueError:
        return str(host)
    return host if address.version == 4 else str(ip_network(f"{host}/{NETWORK_V6}", strict=False))  # noqa: PLR2004
