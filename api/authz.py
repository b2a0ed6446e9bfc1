"""`ANY /authz`, `/authz/{anything}`, `/authz:NAME`, `/authz:NAME/{anything}`: what gateways ask for each request.

Raw ASGI ahead of FastAPI. The answer is 200, 401 or 403, as nginx takes anything else for a failure of ours: a 401
carries a challenge that says how to go on, a 403 means that another token would not help. The request's body is
never asked for. What fails in here is a 403, too, counted and logged: a gateway must not guess.

    token ──► remembered? ──► else verify or read ──► registry ──► 200 | 401
                                     └► keys not to be had ─► 403     └► stale and closed ─► 403
"""

import logging
import traceback
from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from api.access.principal import Principal, principal_of
from api.body import Receive, Scope, Send
from api.compact import Invalid
from api.credentials import Presented, presented
from api.metrics import Counts
from api.profiles import DEFAULT, Header, Profile, named
from api.tokens import Token, Tokens, Unverifiable
from revocation.bearer import BEARER, DPOP
from revocation.challenges import INVALID_REQUEST, INVALID_TOKEN, MISSING, STEP_UP, max_age_of
from revocation.claims import Answer, Claims
from revocation.record import Position
from revocation.replica import Replica

log = logging.getLogger(__name__)

PREFIX = "/authz"

UNNAMED = "(unknown)"
"""The profile's label where a path names none that is configured."""

_EMPTY = (b"content-length", b"0")
_NO_STORE = (b"cache-control", b"no-store")
_CLOSE = (b"connection", b"close")
STATUSES = ("active", "quarantined", "revoked", "unknown", "missing", "invalid", "stale", "unverifiable")
_STATUS = {status: (b"x-token-status", status.encode()) for status in STATUSES}
_NOBODY = (b"x-token-subject", b"")


class Verdict(NamedTuple):
    """What is answered: the HTTP status, and what differs from one answer to another."""

    http: int
    status: str
    subject: Header = _NOBODY
    cache: Header = _NO_STORE
    more: tuple[Header, ...] = ()


class Authz:
    """Answers for every profile. `clock` gives epoch milliseconds; `profiles` need not name the default one."""

    def __init__(
        self,
        replica: Replica,
        tokens: Tokens,
        profiles: Mapping[str, Profile],
        clock: Callable[[], int],
        counts: Counts,
    ) -> None:
        named(profiles)
        self._replica = replica
        self._tokens = tokens
        self._clock = clock
        self._counts = counts
        every = {DEFAULT: Profile(), **profiles}
        self._served = {name: _Served(name, profile) for name, profile in every.items()}
        #: Whether it was logged that a path names no profile; one line is enough.
        self._told = False
        #: The position that `_seq` was formatted for.
        self._position: Position | None = None
        self._seq = (b"x-revocation-seq", b"0")

    async def __call__(self, scope: Scope, _: Receive, send: Send) -> None:
        """Answer one request; its body is left where it is."""
        seq = self._known()
        served = self._profile(scope["path"])
        if served is None:
            verdict, name = Verdict(403, "unverifiable"), UNNAMED
        else:
            verdict, name = await self._verdict(served, scope["headers"], principal_of(scope)), served.name
        self._counts.authorised(name, verdict.status, verdict.http)
        headers = [_STATUS[verdict.status], verdict.subject, seq, verdict.cache, _EMPTY, *verdict.more]
        if (b"expect", b"100-continue") in scope["headers"]:
            # Whether the body comes now is the client's choice, so what follows on this connection is anybody's guess.
            headers.append(_CLOSE)
        await send({"type": "http.response.start", "status": verdict.http, "headers": headers})
        await send({"type": "http.response.body"})

    async def _verdict(self, served: "_Served", headers: list[Header], asker: Principal) -> Verdict:
        """The answer, whatever happens."""
        scheme = BEARER
        try:
            found = presented(headers, served.cookie, served.address_header)
            scheme = found.scheme
            return await self._judge(served, found, asker)
        except Invalid as invalid:
            self._counts.token_refused(invalid.reason)
            return served.invalid[scheme]
        except Unverifiable as unverifiable:
            self._counts.token_refused(unverifiable.reason)
        except Exception as error:  # noqa: BLE001 - a gateway must get its answer
            self._counts.token_refused("internal_error")
            _log(error)
        return Verdict(403, "unverifiable")

    async def _judge(self, served: "_Served", found: Presented, asker: Principal) -> Verdict:
        """Who presents what, and what the registry says of it."""
        if found.ambiguous:
            self._counts.token_refused("ambiguous")
            return served.ambiguous
        if found.token is None:
            return self._anonymous(served, found)
        verify = served.profile.verify
        now = self._clock()
        token = self._tokens.recall(found.token, now, verified=verify)
        if token is None:
            token = await self._tokens.verify(found.token) if verify else self._tokens.read(found.token)
            now = self._clock()
        if not asker.sees(token.claims.iss):
            raise Invalid("issuer_foreign")
        return self._decide(served, found, token, now)

    def _decide(self, served: "_Served", found: Presented, token: Token, now: int) -> Verdict:
        """What becomes of a good token."""
        if token.bound and served.profile.verify and found.scheme == BEARER and not found.by_cookie:
            self._counts.token_refused("unproven")
            return served.unproven
        claims = token.claims if found.address is None else replace(token.claims, ip=found.address)
        answer = self._replica.check(claims, now)
        if answer.decision != "allow":
            return served.refusal(answer, token.subject, found.scheme, now)
        if self._is_stale(served, now):
            http = 200 if served.profile.when_stale == "open" else 403
            return Verdict(http, "stale", (b"x-token-subject", token.subject))
        subject = (b"x-token-subject", token.subject)
        if not served.profile.cache_s:
            return Verdict(200, answer.state, subject)
        return Verdict(200, answer.state, subject, served.kept(token, now), served.vary)

    def _anonymous(self, served: "_Served", found: Presented) -> Verdict:
        """Without a token: only a revoked address is refused where anybody may pass.

        A quarantined one is not: signing in, which a quarantine asks for, begins without a token.
        """
        if served.profile.anonymous == "deny":
            return served.missing
        now = self._clock()
        if self._replica.check(Claims(ip=found.address), now).decision == "deny":
            return served.invalid[BEARER]
        if served.profile.when_stale == "closed" and self._is_stale(served, now):
            return Verdict(403, "stale")
        return Verdict(200, "missing")

    def _is_stale(self, served: "_Served", now: int) -> bool:
        """Whether too little is known of the registry: not everything yet, or nothing new for too long."""
        return self._replica.position is None or now - self._replica.fresh_at > served.stale_ms

    def _profile(self, path: str) -> "_Served | None":
        """The profile that a path names: what follows its first slash is the gateway's client's, and means nothing."""
        rest = path[len(PREFIX) :]
        if not rest or rest[0] == "/":
            return self._served[DEFAULT]
        name = rest[1:].partition("/")[0] if rest[0] == ":" else ""
        served = self._served.get(name)
        if served is None and not self._told:
            self._told = True
            log.warning("a gateway asks for a profile that is not configured; see authz in the settings")
        return served

    def _known(self) -> Header:
        """The registry's last change that is known. Taken first: the answer knows at least that."""
        position = self._replica.position
        if position is not None and position is not self._position:
            self._seq = (b"x-revocation-seq", b"%d" % position.seq)
            self._position = position
        return self._seq


class _Served:
    """A profile, and whatever of its answers is constant."""

    def __init__(self, name: str, profile: Profile) -> None:
        self.name = name
        self.profile = profile
        self.cookie = profile.cookie
        self.address_header = None if profile.address_header is None else profile.address_header.lower().encode()
        self.stale_ms = profile.max_staleness_s * 1000
        self._invalid = {scheme: profile.challenge(INVALID_TOKEN, scheme) for scheme in (BEARER, DPOP)}
        self.missing = Verdict(401, "missing", more=(profile.challenge(MISSING),))
        self.ambiguous = Verdict(401, "invalid", more=(profile.challenge(INVALID_REQUEST),))
        self.invalid = {scheme: Verdict(401, "invalid", more=(line,)) for scheme, line in self._invalid.items()}
        # One challenge a line: several in one confuse clients (RFC 9110, section 11.6.1).
        both = (self._invalid[BEARER], profile.challenge(MISSING, DPOP))
        self.unproven = Verdict(401, "invalid", more=both)
        read = [b"authorization", *([b"cookie"] if self.cookie else []), *filter(None, [self.address_header])]
        #: What an answer that may be kept depends on.
        self.vary = ((b"vary", b", ".join(read)),)

    def refusal(self, answer: Answer, subject: bytes, scheme: str, now: int) -> Verdict:
        """What a token is told that the registry knows to be bad."""
        if answer.decision == "deny":
            return Verdict(401, "revoked", (b"x-token-subject", subject), more=(self._invalid[scheme],))
        challenge = self.profile.challenge(STEP_UP, scheme, max_age_of(answer.auth_after, now))
        return Verdict(401, "quarantined", (b"x-token-subject", subject), more=(challenge,))

    def kept(self, token: Token, now: int) -> Header:
        """How long the gateway may remember that the token was let pass."""
        left = int(min(self.profile.cache_s, (token.until - now) // 1000))
        return (b"cache-control", b"max-age=%d" % left) if left else _NO_STORE


def _log(error: Exception) -> None:
    """Where it failed, but not its message, in which a part of a token may stand."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    log.error("authz failed", extra={"error": type(error).__name__, "file": place.filename, "line": place.lineno})
