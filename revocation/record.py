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
LATEST = 2**53 - 1
"""The largest time, epoch milliseconds: Redis' scripts and JavaScript count in doubles."""
NEVER = -1
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
    """One decision about one subject; applying it twice is applying it once. All times are epoch milliseconds.

    Raises:
        ValueError: a time is out of range, or state and release contradict one another.
    """

    #: Digest of (subject, reason, window) in hexadecimal: the same decision, made again, has the same id.
    id: str
    subject: Subject
    state: State
    #: Slugs, strongest first, such as `reuse.theft_confirmed` or `manual`.
    reasons: tuple[str, ...]
    #: When it was decided, in stream time; of several decisions about the subject, the last.
    decided_at: int
    #: The entry ends here, no earlier than the last token it can hit.
    expires_at: int
    #: Tokens of logins at or before this moment are hit (scopes with a cut-off); 0: no cut-off, every token is hit.
    not_before: int = 0
    #: Who decided: `detector`, or the name of a person or system; of a released entry, who released it.
    actor: str = "detector"
    #: Decisions made at or before this moment have been released and do not come back; `NEVER`: none was.
    released_at: int = NEVER

    def __post_init__(self) -> None:
        decided_at, released_at = self.decided_at, self.released_at
        in_range = 0 <= decided_at <= LATEST and NEVER <= released_at <= LATEST
        if not in_range or not 0 <= self.expires_at <= LATEST or not 0 <= self.not_before <= LATEST:
            raise ValueError("A revocation's times are epoch milliseconds from 0 to 2**53 - 1.")
        if (self.state == 0) != (decided_at <= released_at):  # a released state is 0; the name costs a look-up
            raise ValueError("A revocation is released exactly when released_at is not before decided_at.")


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


class Position(msgspec.Struct, frozen=True):
    """Where a follower of a whole registry stands: a cursor of each shard, in the shards' order; never empty."""

    cursors: tuple[Cursor, ...]

    def __str__(self) -> str:
        return ",".join(map(str, self.cursors))

    @property
    def epoch(self) -> str:
        """The shards' epochs; another one means that a shard lost its past."""
        return ".".join(cursor.epoch for cursor in self.cursors)

    @property
    def seq(self) -> int:
        """How many changes all shards have counted; of two positions in one past the later has the greater."""
        return sum(cursor.seq for cursor in self.cursors)

    @classmethod
    def parse(cls, text: str) -> "Position":
        """Read `<epoch>:<seq>`, one for each shard, separated by commas.

        Raises:
            ValueError: it is not of that form.
        """
        return cls(tuple(map(Cursor.parse, text.split(","))))


def shard_of(subject: Subject, shards: int) -> int:
    """The shard that holds the subject's entry, of so many; digests are keyed, so nobody can crowd one."""
    return int.from_bytes(subject.digest[:4], "big") % shards


@lru_cache(maxsize=1024)
def begun(key: bytes, scope: str, issuer: str) -> blake2b:
    """The state of a digest of (scope, issuer): a copy that is updated with an identifier has its digest.

    `scope` may be any word of at most 16 bytes; those of `Scope` are what the registry matches. BLAKE2b with a key is a
    MAC (RFC 7693, section 2.9); issuer and value cannot run into one another, as the issuer's length is digested first.
    """
    name = issuer.encode("utf-8", "surrogatepass")
    return blake2b(len(name).to_bytes(4, "big") + name, key=key, digest_size=DIGEST_BYTES, person=scope.encode())


@lru_cache(maxsize=1024)
def digester(key: bytes, scope: str, issuer: str) -> Callable[[str], bytes]:
    """Return the function that turns an identifier of (scope, issuer) into its 16-byte keyed digest; see `begun`."""
    copy = begun(key, scope, issuer).copy

    def digest(value: str) -> bytes:
        state = copy()
        # Python's JSON lets half a surrogate pair pass, which a token that was made up may hold.
        state.update(value.encode("utf-8", "surrogatepass"))
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
    """The entry after `new` was applied onto `old`: the stronger state and the later times win.

    Of the two, what was decided at or before the later release does not count any more. So a released decision does not
    come back when it is delivered again, whatever its id; a decision made after the release does count; and a released
    entry that is applied (it comes from another region, or from the topic) is a release. The order of decisions does
    not matter, but for which of two equally strong ones gives id, reasons and actor: the first.

    Returns `old` itself where `new` changes nothing. Danger: an `old` that has expired must not be given: to a registry
    it is as if absent. `revocation/lua/apply.lua` is the same rule; the registry's laws hold the two together.
    """
    if old is None:
        return new
    released_at = max(old.released_at, new.released_at)
    counting = [entry for entry in (old, new) if entry.decided_at > released_at]
    tombstone = old if old.state is State.RELEASED else new
    base = max(counting, key=lambda entry: entry.state, default=tombstone)
    spans = counting or (old, new)
    merged = msgspec.structs.replace(
        base,
        decided_at=max(entry.decided_at for entry in spans),
        expires_at=max(entry.expires_at for entry in spans),
        not_before=max(entry.not_before for entry in spans),
        released_at=released_at,
    )
    return old if merged == old else merged


def release(entry: Revocation, now: int, actor: str) -> Revocation:
    """The tombstone of a live entry; it stands until the entry would have ended."""
    released_at = max(now, entry.decided_at)
    return msgspec.structs.replace(entry, state=State.RELEASED, released_at=released_at, actor=actor)


def is_live(entry: Revocation, now: int) -> bool:
    """Whether the entry hits anything at `now`: neither released nor expired."""
    return entry.state is not State.RELEASED and entry.expires_at > now
