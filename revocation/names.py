"""Names: which address a digest stands for, kept for addresses that are refused, so that firewalls can be told.

The registry knows an address by its keyed digest, and the feed carries no more. A firewall, a proxy or whatever else
speaks CrowdSec's bouncer API cannot digest: it must be told the address itself. So whoever refuses an address may leave
its name here, sealed: encrypted and bound to its digest under a key that is derived from the digest key. Whoever reads
the store alone learns nothing. Whoever has the digest key as well could find an IPv4 address by digesting all four
thousand million of them; to him a seal says little that the digest does not.

A name ends with the entry that it was left for. Nobody is named who is not refused.
"""

import secrets
from collections.abc import Collection, Mapping
from hashlib import blake2b
from typing import Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from revocation.record import Scope, digester

NONCE_BYTES: Final = 12
KEY_BYTES: Final = 32
LONGEST_SEAL: Final = 128
"""A network of the longest IPv6 address, with nonce and tag, takes 71 bytes."""


class Name(NamedTuple):
    """A sealed name, and how long it is needed: epoch milliseconds."""

    seal: bytes
    until: int


class Names(Protocol):
    """The store of names. Every method raises `RegistryUnavailable` when it does not answer; calling again is safe."""

    def put(self, names: Mapping[bytes, Name], now: int) -> None:
        """Keep the names of these digests; one that is kept for longer already stays so."""
        ...

    def find(self, digests: Collection[bytes], now: int) -> dict[bytes, bytes]:
        """The seals of those of these digests that are named at `now`."""
        ...


class Sealer:
    """Seals addresses under `digest_key`, and opens what it sealed."""

    def __init__(self, digest_key: bytes) -> None:
        self._digest = digester(digest_key, Scope.ORIGIN, "")
        derived = blake2b(b"names", key=digest_key, digest_size=KEY_BYTES, person=b"seal").digest()
        self._cipher = ChaCha20Poly1305(derived)

    def digest(self, address: str) -> bytes:
        """The digest that the registry has of an address, or a network, in the form in which gateways look it up."""
        return self._digest(address)

    def seal(self, address: str) -> bytes:
        """The address, legible to nobody without the key; of no use under another digest."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, address.encode(), self.digest(address))

    def open(self, digest: bytes, seal: bytes) -> str | None:
        """The address that was sealed under that digest; None: it was not, or under another key."""
        try:
            return self._cipher.decrypt(seal[:NONCE_BYTES], seal[NONCE_BYTES:], digest).decode()
        except (InvalidTag, ValueError):
            return None


class MemoryNames:
    """A store in a dict, for tests and for one process."""

    def __init__(self) -> None:
        self._names: dict[bytes, Name] = {}

    def put(self, names: Mapping[bytes, Name], now: int) -> None:
        """As the port says."""
        kept = {digest: named for digest, named in self._names.items() if named.until > now}
        for digest, named in names.items():
            if digest not in kept or kept[digest].until < named.until:
                kept[digest] = named
        self._names = kept

    def find(self, digests: Collection[bytes], now: int) -> dict[bytes, bytes]:
        """As the port says."""
        known = {digest: self._names[digest] for digest in digests if digest in self._names}
        return {digest: named.seal for digest, named in known.items() if named.until > now}
