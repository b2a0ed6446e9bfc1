"""What the registry remembers, and the keyed digest of an identifier. PURE: no clock, no I/O, no numpy.

An identity never leaves the house in the clear: what is stored, streamed and matched is the keyed BLAKE2b-128 digest of
(scope, issuer, value). Never a digest of the raw token: ECDSA signatures and base64 padding are malleable.
"""

from collections.abc import Callable
from enum import IntEnum, StrEnum
from functools import lru_cache
from hashlib import blake2b

import msgspec

DIGEST_BYTES = 16
PSEUDONYM = "tw1."
"""Prefix of an identifier that is a digest already, in hexadecimal; only telemetry may carry such identifiers."""


class Scope(StrEnum):
    """What an entry hits; see `docs/architecture.md` for when each hits a token."""

    TOKEN = "token"  # noqa: S105 - a scope, not a secret
    FAMILY = "family"
    SUBJECT = "subject"
    CLIENT = "client"
    DEVICE = "device"
    KEY = "key"
    ORIGIN = "origin"
    ISSUER = "issuer"


class State(IntEnum):
    """How strong an entry is; a state never weakens but by an explicit release."""

    RELEASED = 0  # a tombstone: the same decision, delivered again, does not come back
    QUARANTINED = 1
    REVOKED = 2

    @property
    def slug(self) -> str:
        """The name in answers and metrics."""
        return self.name.lower()


class Subject(msgspec.Struct, frozen=True, order=True):
    """Whom an entry is about: a scope and the digest of the identity, 16 bytes."""

    scope: Scope
    digest: bytes


class Revocation(msgspec.Struct, frozen=True, kw_only=True):
    """One decision about one subject; applying it twice is applying it once. All times are epoch milliseconds."""

    #: Digest of (subject, reason, window) in hexadecimal: the same decision, made again, has the same id.
    id: str
    subject: Subject
    state: State
    #: Slugs, strongest first, such as `reuse.theft_confirmed` or `manual`.
    reasons: tuple[str, ...]
    #: When it was decided, in stream time.
    decided_at: int
    #: The entry ends here, no earlier than the last token it can hit.
    expires_at: int
    #: Tokens of logins at or before this moment are hit (scopes with a cut-off); 0 for scopes without one.
    not_before: int = 0
    #: Who decided: `detector`, or the name of a person or system.
    actor: str = "detector"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the registry's change feed: the entry as it is since `seq`."""

    seq: int
    entry: Revocation


class Cursor(msgspec.Struct, frozen=True):
    """A place in the change feed; another epoch means that the registry lost its past."""

    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.seq}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Read `<epoch>:<seq>`.

        Raises:
            ValueError: it is not of that form.
        """
        epoch, _, seq = text.rpartition(":")
        if not epoch or not seq.isdecimal():
            raise ValueError("A cursor has the form <epoch>:<seq>; use the one the registry gave.")
        return cls(epoch, int(seq))


@lru_cache(maxsize=1024)
def digester(key: bytes, scope: str, issuer: str) -> Callable[[str], bytes]:
    """Return the function that turns an identifier of (scope, issuer) into its 16-byte keyed digest.

    `scope` may be any word of at most 16 bytes; those of `Scope` are what the registry matches. BLAKE2b with a key is a
    MAC (RFC 7693, section 2.9); issuer and value cannot run into one another, as the issuer's length is digested first.
    """
    name = issuer.encode()
    prefix = blake2b(len(name).to_bytes(4, "big") + name, key=key, digest_size=DIGEST_BYTES, person=scope.encode())

    def digest(value: str) -> bytes:
        state = prefix.copy()
        state.update(value.encode())
        return state.digest()

    return digest


def pseudonym(digest: bytes) -> str:
    """The form in which a digest stands in telemetry where an identifier stood."""
    return PSEUDONYM + digest.hex()


def unmask(identifier: str) -> bytes | None:
    """The digest inside a pseudonym, or None where `identifier` is an ordinary one."""
    if not identifier.startswith(PSEUDONYM) or len(identifier) != len(PSEUDONYM) + 2 * DIGEST_BYTES:
        return None
    try:
        return bytes.fromhex(identifier[len(PSEUDONYM) :])
    except ValueError:
        return None


def merge(old: Revocation | None, new: Revocation) -> Revocation:
    """The entry after `new` was applied onto `old`: the stronger state and the later expiry win.

    Returns `old` itself where `new` changes nothing. A released entry comes back only by another decision (another id).
    """
    if old is None or (old.state is State.RELEASED and old.id != new.id):
        return new
    if old.state is State.RELEASED:
        return old
    base = new if new.state > old.state else old
    merged = msgspec.structs.replace(
        base,
        expires_at=max(old.expires_at, new.expires_at),
        not_before=max(old.not_before, new.not_before),
    )
    return old if merged == old else merged
