"""Turns what a request shows into a principal, and remembers that: keys, tokens of issuers, certificates.

What was proven is remembered by a keyed digest of its header until it ends, so that a question costs one digest.
What was refused is not: an attacker has more of that than we have memory.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import blake2b, sha256
from hmac import compare_digest
from secrets import token_bytes
from typing import NamedTuple

from api.access.access import KEY, Access, Caller, HashedKey
from api.access.certificates import Certificate
from api.access.credentials import HEADERS, Field, Shown, shown
from api.access.grants import EVERYWHERE, granted, words_of
from api.access.principal import Principal
from api.access.sign_out import is_sign_out, signed_out_by
from api.compact import Invalid, Payload
from api.tokens import Token, Tokens, header_safe
from revocation.replica import Replica

REMEMBERED = 10_000
ENDLESS = float("inf")


class Unproven(Exception):  # noqa: N818 - named after what is so
    """Nobody is shown by this; `reason` is the metric's label, and is not answered."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Known(NamedTuple):
    """What was proven once."""

    principal: Principal
    #: No longer good from then on, epoch milliseconds.
    until: float
    #: The token that proved it; None: a key did.
    token: Token | None
    #: The rules that were found to permit it, which live as long as the gate.
    permitted: set[int]


class Authenticator:
    """Knows the callers of `access`, and those whom issuers vouch for. `clock` gives epoch milliseconds."""

    def __init__(
        self,
        access: Access,
        tokens: Tokens,
        replica: Replica,
        clock: Callable[[], int],
        *,
        remembered: int = REMEMBERED,
    ) -> None:
        self._access = access
        self._tokens = tokens
        self._replica = replica
        self._clock = clock
        self._keys: list[tuple[HashedKey, Caller]] = [(key, caller) for caller in access.callers for key in caller.keys]
        self._certificates = {
            name: caller.principal("certificate") for caller in access.callers for name in caller.certificates
        }
        self._most = remembered
        # The digest's key is this process's own: neither its memory nor the time a look-up takes tells a credential.
        secret = token_bytes(32)
        self._keyed = {name: blake2b(name, digest_size=16, key=secret) for name in HEADERS}
        self._known: OrderedDict[bytes, Known] = OrderedDict()

    def __len__(self) -> int:
        """How many credentials are remembered."""
        return len(self._known)

    def recall(self, field: Field) -> Known | None:
        """Whom a header showed before, if it still does."""
        digest = self._digest(field)
        known = self._known.get(digest)
        if known is None:
            return None
        if known.until is not ENDLESS:
            now = self._clock()
            if known.until <= now or not (known.token is None or self._stands(known.token, now)):
                del self._known[digest]
                return None
        self._known.move_to_end(digest)
        return known

    async def prove(self, field: Field) -> Principal:
        """Look at a header that is not remembered.

        Raises:
            Malformed: it holds no credential.
            Unproven: it shows nobody.
            Unverifiable: its issuer's keys cannot be had.
        """
        credential = shown(field)
        known = self._of_key(credential) if credential.kind == "key" else await self._of_token(credential.secret)
        self._known[self._digest(field)] = known
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return known.principal

    def of_certificate(self, certificate: Certificate) -> Principal:
        """Whom a certificate shows that the TLS library has verified.

        Raises:
            Unproven: nobody, or more than one, or it has ended while the connection was open.
        """
        if certificate.until <= self._clock():
            raise Unproven("certificate_ended")
        found = {self._certificates[name] for name in certificate.names if name in self._certificates}
        if len(found) != 1:
            raise Unproven("certificate_unknown")
        return found.pop()

    def _of_key(self, credential: Shown) -> Known:
        if not KEY.fullmatch(credential.secret):
            raise Unproven("key_malformed")
        digest = sha256(credential.secret).digest()
        # All of them are compared, whichever fits.
        fitting = [(key, caller) for key, caller in self._keys if compare_digest(key.digest, digest)]
        if not fitting:
            raise Unproven("key_unknown")
        key, caller = fitting[0]
        if credential.name not in {None, caller.name}:
            raise Unproven("key_unknown")
        until = ENDLESS if key.until is None else key.until
        if until <= self._clock():
            raise Unproven("key_ended")
        return Known(caller.principal("key"), until, None, set())

    async def _of_token(self, secret: bytes) -> Known:
        url = self._access.sign_out_url
        try:
            if url is not None and is_sign_out(secret):
                principal, until = await signed_out_by(secret, self._tokens, url)
                return Known(principal, until, None, set())
            if self._access.audience is None:
                raise Unproven("token")
            token, payload = await self._tokens.prove(secret, self._access.audience)
        except Invalid as invalid:
            raise Unproven(f"token_{invalid.reason}") from None
        if "cnf" in payload:
            # It is bound to a key or a certificate (RFC 9449, RFC 8705), which nobody here asks to see.
            raise Unproven("token_unproven")
        if not self._stands(token, self._clock()):
            raise Unproven("token_revoked")
        return Known(self._holder(token, payload), token.until, token, set())

    def _stands(self, token: Token, now: int) -> bool:
        """Whether neither its key nor its session has been given up: an operator's can be stolen as well."""
        if token.key is not None and not token.key.live:
            return False
        return self._replica.check(token.claims, now).decision == "allow"

    def _holder(self, token: Token, payload: Payload) -> Principal:
        iss = token.claims.iss or ""
        # Escaped, it has neither a space nor a bracket in it, so no holder can be named like another's issuer.
        name = header_safe(token.claims.sub or token.claims.client_id or "").decode()
        if not name:
            raise Unproven("token_nameless")
        words = words_of(payload.get("scope", payload.get("scp")))
        rights = granted(words)
        return Principal(
            name=f"{name} ({iss})",
            kind="token",
            verbs=rights.verbs,
            scopes=rights.scopes,
            issuers=self._issuers(iss, words, payload),
        )

    def _issuers(self, iss: str, words: list[str], payload: Payload) -> frozenset[str] | None:
        """Whom a token may act on. Only what operators' issuers say of others counts: a tenant's own says anything."""
        if iss not in self._access.operators:
            return frozenset({iss})
        if EVERYWHERE in words:
            return None
        tenants = self._named(payload)
        return frozenset({iss}).union(*(self._access.tenants.get(tenant, frozenset()) for tenant in tenants))

    def _named(self, payload: Mapping[str, object]) -> list[str]:
        claim = self._access.tenant_claim
        value = None if claim is None else payload.get(claim)
        listed = value if isinstance(value, list) else [value]
        return [one for one in listed if isinstance(one, str)]

    def _digest(self, field: Field) -> bytes:
        digest = self._keyed[field[0]].copy()
        digest.update(field[1])
        return digest.digest()
