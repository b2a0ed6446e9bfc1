"""Verifies access tokens: is this one of an issuer that is trusted, signed by it, for us, and in time?

Cheap questions come first, as a token may have to wait for its key: form, issuer, algorithm, type, times, audience,
then the key, then the signature. The order tells nothing to whoever sends it; every refusal is the same answer.

A verified token is remembered by a keyed digest of its bytes until it expires, but no longer than its issuer publishes
the key that signed it. Bad tokens are not remembered: one that is bad today, as its issuer could not be asked, may be
good tomorrow, and an attacker has more of them than we have memory.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from secrets import token_bytes
from typing import NamedTuple
from urllib.parse import quote

from api.compact import Compact, Invalid, Payload, read_compact, seconds, text
from api.jwks import Key
from api.keys import KeySet, NoKey
from api.trust import LONGEST_LEEWAY_S, UNTYPED, TrustedIssuer, typ_of
from revocation.claims import Claims, claims_of

REMEMBERED = 100_000
SUBJECT_CHARS = 255
"""OpenID Connect allows a `sub` no more; a longer one is not told, as the half of a name may be another's."""
SAFE_MARKS = "!#$&'*+./:=?@^_`|~-"
#: What Keycloak writes into the payload's `typ` of tokens that are signed by the same keys and are no access tokens.
FOREIGN_CLAIMED_TYPES = frozenset({"ID", "Refresh", "Offline", "Logout"})


Admission = Callable[[Compact, TrustedIssuer, int], float]
"""Whether an issuer would be believed if it had signed this, now; until when, epoch milliseconds. Else `Invalid`."""


class Unverifiable(Exception):  # noqa: N818 - named after what is so
    """Nobody can tell now whether the token is good; another one would not help. `reason` is the metric's label."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Token(NamedTuple):
    """What is known of a token that is good, but for what the registry says."""

    claims: Claims
    #: No longer good from then on, epoch milliseconds, leeway included.
    until: float
    #: Its `sub` as a header may hold it; empty where it has none.
    subject: bytes
    #: Whether it is bound to a key of its holder's (`cnf.jkt`), so that it must come with a proof (RFC 9449).
    bound: bool
    #: What verified it; None: it was only read.
    key: Key | None


class Tokens:
    """Verifies and reads tokens of `issuers`. `clock` gives epoch milliseconds. Everything on one event loop."""

    def __init__(
        self, issuers: Sequence[TrustedIssuer], clock: Callable[[], int], *, remembered: int = REMEMBERED
    ) -> None:
        #: By `iss`, exactly: whose tokens may be verified, each by its own keys.
        self.key_sets: Mapping[str, KeySet] = {issuer.iss: KeySet(issuer, clock) for issuer in issuers}
        self._clock = clock
        self._verified = _Memory(remembered)
        self._read = _Memory(remembered)

    def __len__(self) -> int:
        """How many tokens are remembered."""
        return len(self._verified) + len(self._read)

    def start(self) -> None:
        """Begin to fetch keys, on the running loop; returns at once."""
        for keys in self.key_sets.values():
            keys.start()

    async def stop(self) -> None:
        """End fetching."""
        for keys in self.key_sets.values():
            await keys.stop()

    def recall(self, token: bytes, now: int, *, verified: bool) -> Token | None:
        """A token that was verified before (or read, which never counts as verified), if it is good still."""
        return (self._verified if verified else self._read).recall(token, now)

    async def verify(self, token: bytes) -> Token:
        """Verify a token, and remember it; waits where its key is not known yet.

        Raises:
            Invalid: it is not good.
            Unverifiable: its issuer's keys cannot be had.
        """
        compact, until, key = await self._proven(token, _admitted)
        return self._verified.remember(token, _token(compact, until, key))

    async def prove(self, token: bytes, audience: str) -> tuple[Token, Payload]:
        """Verify a token that is to be for `audience`, whomever else its issuer's may be for; it is not remembered.

        Raises:
            As `verify` does.
        """
        compact, until, key = await self._proven(token, partial(_admitted_for, (audience,)))
        return _token(compact, until, key), compact.payload

    async def verify_as(self, token: bytes, admitted: Admission) -> Compact:
        """Verify a token of another kind, which is not remembered: nothing may ever take it for an access token.

        Raises:
            As `verify` does.
        """
        compact, _, _ = await self._proven(token, admitted)
        return compact

    def read(self, token: bytes) -> Token:
        """Read a token that the gateway has verified, and remember it. Its form and its end are looked at again.

        Raises:
            Invalid: it is no token, or has ended.
        """
        compact = read_compact(token)
        keys = self.key_sets.get(text(compact.payload, "iss") or "")
        leeway = LONGEST_LEEWAY_S if keys is None else keys.issuer.leeway_s
        expires = seconds(compact.payload, "exp")
        until = float("inf") if expires is None else (expires + leeway) * 1000
        if until <= self._clock():
            raise Invalid("expired")
        return self._read.remember(token, _token(compact, until, None))

    async def _proven(self, token: bytes, admitted: Admission) -> tuple[Compact, float, Key]:
        compact = read_compact(token)
        keys = self._issued_by(compact.payload)
        until = admitted(compact, keys.issuer, self._clock())
        key = await _key(keys, compact)
        if not key.verifies(compact.signed, compact.signature):
            raise Invalid("signature")
        if until <= self._clock():
            raise Invalid("expired")  # while it waited
        return compact, until, key

    def _issued_by(self, payload: Payload) -> KeySet:
        iss = payload.get("iss")
        if not isinstance(iss, str):
            raise Invalid("issuer_missing")
        keys = self.key_sets.get(iss)
        if keys is None:
            raise Invalid("issuer_unknown")
        return keys


def _admitted(compact: Compact, issuer: TrustedIssuer, now: int) -> float:
    """As an access token for whomever the issuer's may be for."""
    return _admitted_for(issuer.audiences, compact, issuer, now)


def _admitted_for(audiences: Sequence[str], compact: Compact, issuer: TrustedIssuer, now: int) -> float:
    """Whether the issuer would be believed if it had signed this; until when, epoch milliseconds."""
    if compact.alg not in issuer.algorithms:
        raise Invalid("algorithm")
    payload = compact.payload
    typ = UNTYPED if compact.typ is None else typ_of(compact.typ)
    if typ not in issuer.types or "events" in payload or payload.get("typ") in FOREIGN_CLAIMED_TYPES:
        raise Invalid("type")
    if audiences and not set(audiences) & set(audience_of(payload)):
        raise Invalid("audience")
    return in_time(payload, issuer.leeway_s, now)


def in_time(payload: Payload, leeway: int, now: int) -> float:
    """When a token ends, epoch milliseconds, leeway included.

    Raises:
        Invalid: it has ended, never does, or has not begun.
    """
    expires, begins, issued = (seconds(payload, name) for name in ("exp", "nbf", "iat"))
    if expires is None:
        raise Invalid("unending")
    if (expires + leeway) * 1000 <= now:
        raise Invalid("expired")
    latest = now / 1000 + leeway
    if (begins is not None and begins > latest) or (issued is not None and issued > latest):
        raise Invalid("not_yet_valid")
    return (expires + leeway) * 1000


def audience_of(payload: Payload) -> list[str]:
    """Whom a token is for."""
    aud = payload.get("aud")
    listed = aud if isinstance(aud, list) else [aud]
    return [one for one in listed if isinstance(one, str)]


async def _key(keys: KeySet, compact: Compact) -> Key:
    issued = seconds(compact.payload, "iat")
    try:
        return await keys.find(compact.kid, compact.alg, None if issued is None else issued * 1000)
    except NoKey as none:
        if none.may_come:
            raise Unverifiable(none.reason) from None
        raise Invalid(none.reason) from None


def _token(compact: Compact, until: float, key: Key | None) -> Token:
    confirmation = compact.payload.get("cnf")
    bound = isinstance(confirmation, dict) and "jkt" in confirmation
    claims = claims_of(compact.payload, compact.kid)
    return Token(claims, until, header_safe(claims.sub or ""), bound, key)


def header_safe(subject: str) -> bytes:
    """Percent-encoded but for letters, digits and a few marks: neither a line's end nor a list's comma is left."""
    return b"" if len(subject) > SUBJECT_CHARS else quote(subject, safe=SAFE_MARKS).encode()


class _Memory:
    """At most `size` tokens by digest; the one not asked for longest is forgotten first.

    The digest's key is this process's own and is kept nowhere: what is in its memory tells no token.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._keyed = blake2b(digest_size=16, key=token_bytes(32))
        self._tokens: OrderedDict[bytes, Token] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tokens)

    def recall(self, token: bytes, now: int) -> Token | None:
        digest = self._digest(token)
        known = self._tokens.get(digest)
        if known is None:
            return None
        if known.until <= now or not (known.key is None or known.key.live):
            del self._tokens[digest]
            return None
        self._tokens.move_to_end(digest)
        return known

    def remember(self, token: bytes, known: Token) -> Token:
        self._tokens[self._digest(token)] = known
        if len(self._tokens) > self._size:
            self._tokens.popitem(last=False)
        return known

    def _digest(self, token: bytes) -> bytes:
        digest = self._keyed.copy()
        digest.update(token)
        return digest.digest()
