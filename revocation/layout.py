"""How an entry lies in Redis: a hash field that names the subject, and a value that the Lua scripts can read. PURE.

The value is a head of big-endian numbers, the actor behind its length, and labels in MessagePack; `lua/entry.lua` reads
and writes the same. A later version may append labels: this one, and the scripts, leave them alone.
"""

import struct

import msgspec

from revocation.record import Change, Revocation, Scope, State, Subject

#: state, seq, decided_at, expires_at, not_before, released_at, length of the actor in bytes
HEAD = struct.Struct(">BQqqqqI")

#: The first letter of a scope is its code; they differ, which a test holds on to.
SCOPES = {scope.value[0].encode(): scope for scope in Scope}


class Labels(msgspec.Struct, array_like=True, frozen=True):
    """What the scripts carry along without looking."""

    id: str
    reasons: tuple[str, ...]


class LayoutError(ValueError):
    """What lies in Redis is not an entry that this version can read."""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Labels)


def field_of(subject: Subject) -> bytes:
    """The hash field of a subject: a letter and the digest."""
    return subject.scope[0].encode() + subject.digest


def pack(entry: Revocation, seq: int = 0) -> bytes:
    """The value of an entry; a script sets the sequence number."""
    actor = entry.actor.encode()
    times = (entry.decided_at, entry.expires_at, entry.not_before, entry.released_at)
    return HEAD.pack(entry.state, seq, *times, len(actor)) + actor + _encoder.encode(Labels(entry.id, entry.reasons))


def unpack(field: bytes, value: bytes) -> Change:
    """The entry in a value, with the number of its last change.

    Raises:
        LayoutError: it is not an entry that this version can read.
    """
    try:
        state, seq, decided_at, expires_at, not_before, released_at, length = HEAD.unpack_from(value)
        labels = _decoder.decode(value[HEAD.size + length :])
        entry = Revocation(
            id=labels.id,
            subject=Subject(SCOPES[field[:1]], field[1:]),
            state=State(state),
            reasons=labels.reasons,
            decided_at=decided_at,
            expires_at=expires_at,
            not_before=not_before,
            actor=value[HEAD.size : HEAD.size + length].decode(),
            released_at=released_at,
        )
    except (struct.error, msgspec.DecodeError, KeyError, ValueError) as error:
        raise LayoutError(
            "The registry holds an entry that this version cannot read; a newer one may have written it."
        ) from error
    return Change(seq=seq, entry=entry)
