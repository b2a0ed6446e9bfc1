"""Seal: what has to lie in Kafka and Redis, but may be read only by who holds a key. PURE.

AES-SIV (RFC 5297): it needs no nonce, so none can be used twice however many processes seal with one key, and the same
thing sealed again is the same bytes, so a record that is written again is the same record. What an observer learns is
that two sealed things are equal, which the pseudonyms beside them tell already.
"""

from hashlib import blake2b

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

KEY_BYTES = 64
"""Two halves of 256 bits, as AES-SIV takes them."""


class Seal:
    """Closes with the first key and opens with any, so that a key can be changed. Safe for several threads."""

    def __init__(self, *keys: bytes) -> None:
        """`keys` are secrets of any length; at least one.

        Raises:
            ValueError: there is none.
        """
        if not keys:
            raise ValueError("A seal needs a key.")
        self._ciphers = [AESSIV(blake2b(key, digest_size=KEY_BYTES, person=b"tokenward seal").digest()) for key in keys]

    def close(self, plain: bytes, about: str) -> bytes:
        """Seal `plain`; it opens only as being `about` the same."""
        return self._ciphers[0].encrypt(plain, [about.encode("utf-8", "surrogatepass")])

    def open(self, sealed: bytes, about: str) -> bytes | None:
        """What was sealed; None where no key opens it, it was altered, or it is about something else."""
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed, [about.encode("utf-8", "surrogatepass")])
            except (InvalidTag, ValueError):  # the latter: shorter than any sealed thing
                continue
        return None
