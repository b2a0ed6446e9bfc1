"""A whole snapshot, encoded once and kept compressed, for everyone who asks within a short time.

After the registry has lost its past, all replicas ask at once. A million entries are some 215 MB of text and 55 MB
compressed, so only compressed pieces are kept: raw deflate, each ended by a full flush. With a head before and a
trailer behind they are one gzip member, and each can be inflated alone for a client that does not read gzip.

The header says how many entries there are, which is known at the end only, as entries come and go while rows are read
in slices. So the digest is made in a second pass over the pieces, in a thread, and nothing is sent before.
"""

import struct
import zlib
from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple

from api.feed.lines import Age
from revocation.feed import end_of, header_of
from revocation.record import DIGEST_BYTES, Position

LEVEL = 1
"""Most of an entry is digests, which no level compresses."""
GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""RFC 1952: deflate, no name, no time, any system."""


class Piece(NamedTuple):
    """Some lines."""

    #: Raw deflate, ended by a full flush.
    packed: bytes
    #: Bytes of the text.
    size: int


class Whole:
    """One snapshot, whole: at most about 60 bytes an entry. It never changes, so any number may read it."""

    def __init__(self, position: Position, pieces: list[Piece], head: Piece, tail: Piece, trailer: bytes) -> None:
        #: Replaying the changes after it onto the entries gives the registry.
        self.position = position
        self._pieces = [head, *pieces, tail]
        self._trailer = trailer

    def sizes(self) -> tuple[int, int]:
        """Bytes on the wire: with gzip, and without."""
        packed = len(GZIP_HEAD) + sum(len(piece.packed) for piece in self._pieces) + len(self._trailer)
        return packed, sum(piece.size for piece in self._pieces)

    def packed(self) -> Iterator[bytes]:
        """One gzip member, piece by piece."""
        yield GZIP_HEAD
        for piece in self._pieces:
            yield piece.packed
        yield self._trailer

    def plain(self) -> Iterator[bytes]:
        """The text, piece by piece."""
        for piece in self._pieces:
            yield unpack(piece)


def pack(text: bytes, *, last: bool = False) -> Piece:
    """A piece of the text; `last`: nothing comes after it."""
    deflate = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflate.compress(text) + deflate.flush(zlib.Z_FINISH if last else zlib.Z_FULL_FLUSH)
    return Piece(packed, len(text))


def unpack(piece: Piece) -> bytes:
    """The text of a piece."""
    return zlib.decompressobj(-zlib.MAX_WBITS).decompress(piece.packed)


def whole(position: Position, pieces: list[Piece], count: int, age: Age) -> Whole:
    """The snapshot of these entries' pieces. Takes a second for a million; almost all of it beside other threads."""
    first = header_of("snapshot", position, count, age.at, age.age_ms)
    digest = blake2b(first, digest_size=DIGEST_BYTES)
    checksum, size = zlib.crc32(first), len(first)
    for piece in pieces:
        text = unpack(piece)
        digest.update(text)
        checksum = zlib.crc32(text, checksum)
        size += len(text)
    last = end_of(count, digest.hexdigest())
    trailer = struct.pack("<II", zlib.crc32(last, checksum), (size + len(last)) & 0xFFFFFFFF)
    return Whole(position, pieces, pack(first), pack(last, last=True), trailer)
