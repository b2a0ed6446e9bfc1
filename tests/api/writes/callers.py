"""Callers with keys, for the tests of the write API: two who may do everything, a tenant's operator, a gateway."""

from hashlib import sha256

from api.access.access import Access, Caller, HashedKey
from api.access.principal import Verb
from revocation.record import Scope
from tests.api.running import ISSUER

ACTING = frozenset({Verb.READ, Verb.REVOKE, Verb.RELEASE, Verb.APPROVE})
TENANT = frozenset({Scope.TOKEN, Scope.FAMILY, Scope.SUBJECT})
OTHER = "https://idp.example.com/realms/other"


def key_of(name: str) -> str:
    """A caller's key, as one would be made."""
    return f"tw_{name:x<43}"


def shown(name: str) -> dict[str, str]:
    """The header by which a caller shows itself."""
    return {"X-Api-Key": key_of(name)}


def caller(name: str, verbs: frozenset[Verb], scopes: frozenset[Scope], issuers: frozenset[str] | None) -> Caller:
    """Somebody with a key of his own."""
    keys = (HashedKey(sha256(key_of(name).encode()).digest()),)
    return Caller(name=name, verbs=verbs, scopes=scopes, issuers=issuers, keys=keys)


ACCESS = Access(
    callers=(
        caller("ann", ACTING, frozenset(Scope), None),
        caller("bob", ACTING, frozenset(Scope), None),
        caller("acme", ACTING, TENANT, frozenset({ISSUER})),
        caller("other", ACTING, TENANT, frozenset({OTHER})),
        caller("gateway", frozenset({Verb.CHECK}), frozenset(), None),
    ),
    requests=1_000_000,
)
