"""Tallies as messages: one for each origin and flush, keyed by the origin, so that one partition sees it whole.

The key is the kind of origin and the origin's key in hexadecimal, 2 + 16 digits. The value is MessagePack, an array of

    layout   what the rows look like, 32 bits: a reader takes only rows of its own layout
    kind     `OriginKind`
    origin   the origin's key, 64 bits
    rows     binary: the other columns of `detector.tallies`, row after row, packed and little-endian
    name     the sealed name of an address (`revocation.names`); absent where names are not kept

in which rows of one origin are in the order of their times, for those of several partitions have no other. A row has
some 80 bytes; an origin with more than `MOST_ROWS` of them gets several messages.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from detector.batch import Fault, Outcome
from detector.tallies import SCHEMA, OriginKind, Tallies
from ingest.formats.event import Reject
from ingest.reader import Reading
from ingest.sink import Message
from ingest.source import Record
from revocation.names import LONGEST_SEAL

MOST_ROWS: Final = 4_096
"""Of one message: 340 kB, of the 1 MiB that a broker takes by default."""
LATEST: Final = 1 << 44
"""Times are below, epoch milliseconds: what the engines take."""

_ROW: Final = np.dtype(
    [
        (name, "u1" if dtype == "bool" else np.dtype(dtype).newbyteorder("<"))
        for name, (dtype, _) in SCHEMA.items()
        if name not in {"kind", "origin"}
    ]
)
LAYOUT: Final = crc32(repr(_ROW.descr).encode())
_FLAGS: Final = tuple(name for name, (dtype, _) in SCHEMA.items() if dtype == "bool")
_KINDS: Final = frozenset(OriginKind)


class _Message(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    layout: int
    kind: int
    origin: int
    rows: bytes
    name: bytes = b""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Message)


def tally_messages(topic: str, tallies: Tallies, names: Mapping[int, bytes] | None = None) -> Iterator[Message]:
    """The messages that pass n rows on; one sort brings each origin's together. `names`: seals by an address's key."""
    sealed = names or {}
    order = np.lexsort((tallies.at, tallies.origin, tallies.kind))
    kinds, origins = tallies.kind[order], tallies.origin[order]
    rows = np.empty(len(order), _ROW)
    for name in _ROW.names or ():
        rows[name] = getattr(tallies, name)[order]
    packed = memoryview(rows.tobytes())
    for first, stop in _groups(kinds, origins):
        kind, origin = int(kinds[first]), int(origins[first])
        part = packed[first * _ROW.itemsize : stop * _ROW.itemsize]
        named = (sealed[origin],) if kind == OriginKind.ADDRESS and origin in sealed else ()
        value = _encoder.encode((LAYOUT, kind, origin, part, *named))
        yield Message(topic, value, key=f"{kind:02x}{origin:016x}".encode())


def read_tallies(records: Sequence[Record]) -> tuple[Reading, Tallies]:
    """The rows in the records of one partition, in order: `origins[i]` of the reading is the record of row i.

    A record is taken whole or not at all; the reading's rejects say why not.
    """
    reading, messages = Reading(), []
    for record in records:
        try:
            messages.append((record, _decode(record.value)))
        except Reject as reject:
            reading.rejects.append((record, reject))
    counts = np.array([len(message.rows) // _ROW.itemsize for _, message in messages], np.int64)
    rows = np.frombuffer(b"".join(message.rows for _, message in messages), _ROW)
    if (wrong := _impossible(rows)).any():
        bad = set(np.repeat(np.arange(len(messages)), counts)[wrong].tolist())
        out_of_range = Reject("bad_tally", "A row of the tally holds a value that it cannot have.")
        kept, tallies = read_tallies([record for place, (record, _) in enumerate(messages) if place not in bad])
        kept.rejects = reading.rejects + [(messages[place][0], out_of_range) for place in sorted(bad)]
        return kept, tallies
    for (record, _), count in zip(messages, counts.tolist(), strict=True):
        reading.origins += [record] * count
    kinds = np.array([message.kind for _, message in messages], np.uint8)
    origins = np.array([message.origin for _, message in messages], np.uint64)
    columns = {name: rows[name] for name in _ROW.names or ()}
    return reading, Tallies.of(kind=np.repeat(kinds, counts), origin=np.repeat(origins, counts), **columns)


def name_in(record: Record) -> bytes:
    """The sealed name that a tally carries; nothing where it carries none."""
    return _decode(record.value).name


def _groups(kinds: NDArray[np.uint8], origins: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """First and stop of each origin's rows in sorted columns, at most `MOST_ROWS` at a time."""
    if len(kinds) == 0:
        return
    changes = (kinds[1:] != kinds[:-1]) | (origins[1:] != origins[:-1])
    starts = [0, *(np.flatnonzero(changes) + 1).tolist(), len(kinds)]
    for first, stop in pairwise(starts):
        for begin in range(first, stop, MOST_ROWS):
            yield begin, min(begin + MOST_ROWS, stop)


def _decode(value: bytes | None) -> _Message:
    """A record's message, whose rows were counted but not looked at.

    Raises:
        Reject: it is none.
    """
    try:
        message = _decoder.decode(value or b"")
    except msgspec.DecodeError:
        raise Reject("bad_tally", "The record is no tally.") from None
    if message.layout != LAYOUT:
        raise Reject("other_layout", "The tally is of another version; let all workers run the same one.")
    if message.kind not in _KINDS or not 0 < message.origin < 1 << 64:
        raise Reject("bad_tally", "The tally names no origin.")
    if len(message.rows) % _ROW.itemsize or not 0 < len(message.rows) <= MOST_ROWS * _ROW.itemsize:
        raise Reject("bad_tally", "The tally's rows were cut off, or are too many or none.")
    if len(message.name) > LONGEST_SEAL:
        raise Reject("bad_tally", "The tally's name is longer than any is.")
    return message


def _impossible(rows: NDArray[np.void]) -> NDArray[np.bool_]:
    """Rows with a value that no event has, (n,)."""
    wrong = (rows["at"] < 0) | (rows["at"] >= LATEST) | (rows["level"] < 0)
    wrong |= (rows["refused"] > max(Outcome)) | (rows["fault"] > max(Fault))
    for name in _FLAGS:
        wrong |= rows[name] > 1
    return np.asarray(wrong)
