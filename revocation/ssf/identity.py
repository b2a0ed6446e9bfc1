"""Identity: of whom others are told, in the clear, and how it travels through the house: sealed. PURE."""

from collections.abc import Callable

import msgspec

from revocation.record import Scope, Subject, digester
from revocation.seal import Seal

HEADER = "sealed"
"""The header of a Kafka record that holds the sealed identity of what the record is about."""


class Identity(msgspec.Struct, frozen=True, array_like=True):
    """A person, a session, or both; at least one of the two is there."""

    iss: str
    sub: str | None = None
    sid: str | None = None


class Identities:
    """Seals identities, and opens what was sealed."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(Identity).decode

    def close(self, identity: Identity) -> bytes:
        """The identity, sealed."""
        return self._seal.close(self._encode(identity), "identity")

    def open(self, sealed: bytes) -> Identity | None:
        """The identity that was sealed; None where it was not sealed here."""
        plain = self._seal.open(sealed, "identity")
        return None if plain is None else self._decode(plain)


def names(identity: Identity, subject: Subject, key: bytes) -> bool:
    """Whether the digest is this identity's: a sealed identity beside a foreign digest must accuse nobody."""
    value = VALUES.get(subject.scope, _nothing)(identity)
    return value is not None and digester(key, subject.scope, identity.iss)(value) == subject.digest


def _nothing(_: Identity) -> str | None:
    return None


VALUES: dict[Scope, Callable[[Identity], str | None]] = {
    Scope.SUBJECT: lambda identity: identity.sub,
    Scope.FAMILY: lambda identity: identity.sid,
}
"""What of an identity a scope's digest is made of."""
