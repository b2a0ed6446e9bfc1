"""The words that rights are given by: in the settings of a principal, and as scopes of a token. PURE.

`check`, `revoke`, `revoke.family` and so on; in a token `tokenward.` stands before each. A word nobody knows grants
nothing.
"""

from collections.abc import Iterable
from typing import NamedTuple

from api.access.principal import Verb
from revocation.record import Scope

PREFIX = "tokenward."
EVERYWHERE = "everywhere"
"""In a token of an operators' issuer: its holder acts on all issuers."""

#: Verbs that act on entries, and so need scopes of entries.
ACTING = frozenset({Verb.REVOKE, Verb.RELEASE, Verb.APPROVE})
NARROWED = {f"{Verb.REVOKE}.{scope}": scope for scope in Scope}
#: Every word.
WORDS = (*Verb, *NARROWED)


class Granted(NamedTuple):
    """What words grant together."""

    verbs: frozenset[Verb]
    scopes: frozenset[Scope]


def granted(words: Iterable[str]) -> Granted:
    """What these words grant.

    `revoke` alone is for all scopes, `revoke.family` for that one; the same scopes bound what may be released and
    approved, so that a second word never widens what the first one leaves out.
    """
    said = frozenset(words)
    narrowed = frozenset(NARROWED[word] for word in said & NARROWED.keys())
    verbs = frozenset(verb for verb in Verb if verb in said) | ({Verb.REVOKE} if narrowed else frozenset())
    if Verb.REVOKE in said or not narrowed:
        return Granted(verbs, frozenset(Scope) if verbs & ACTING else frozenset())
    return Granted(verbs, narrowed)


def words_of(scopes: object) -> list[str]:
    """Our words among a token's scopes: one text with spaces (RFC 9068, 2.2.3), or a list as some issuers write it."""
    listed = scopes.split(" ") if isinstance(scopes, str) else scopes
    if not isinstance(listed, list):
        return []
    return [one.removeprefix(PREFIX) for one in listed if isinstance(one, str) and one.startswith(PREFIX)]
