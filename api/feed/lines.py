"""The feed's lines as this API sends them; what they mean stands in `revocation.feed`."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from api.feed.recent import Page
from revocation.feed import encode_changes, line_of
from revocation.record import Position, Revocation

MEDIA_TYPE = b"application/x-ndjson"

_encode = msgspec.json.Encoder().encode


class Age(NamedTuple):
    """How old this process's knowledge is, at which moment."""

    #: Epoch milliseconds.
    at: int
    #: Milliseconds since the registry was last heard of.
    age_ms: int


def entry_lines(entries: Sequence[Revocation]) -> bytes:
    """The lines of a snapshot's entries."""
    return b"".join(map(line_of, entries))


def changes_body(page: Page, age: Age) -> bytes:
    """A whole answer of changes."""
    lines = [line for part in page.parts for line in part.lines]
    return encode_changes(page.start, page.end, lines, age.at, age.age_ms)


def heartbeat(position: Position, age: Age) -> bytes:
    """The object that a heartbeat carries."""
    return _encode({"seq": position.seq, "at": age.at, "age_ms": age.age_ms})
