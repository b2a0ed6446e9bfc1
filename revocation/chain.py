"""The audit trail's chains: each record carries its number and the hash of the one before. PURE.

Every writer (an API process, a worker, one run of a command) has a chain of its own, so that no lock stands between
them; a process that starts again begins a new one. A record is one line of canonical JSON: members sorted by name, no
white space, integers only, which for these members is RFC 8785. Its hash is BLAKE2b-256 of that line without the member
`hash`; with a key it is a MAC (RFC 7693, section 2.9), and who can write the topic cannot make records that verify.

    {"chain":"api-1-k3x9","event":{…},"hash":"9f…","number":4,"previous":"01…","type":"tokenward.audit.v1"}

The first record, number 0, names in `follows` the heads of the chains that its writer knew of. So a chain that was cut
or replaced later contradicts the ones that began after it, even where the heads in Redis were bent as well.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec

from revocation.audit import Event
from revocation.feed import Entry

TYPE: Final = "tokenward.audit.v1"
HASH_BYTES: Final = 32
KEY_ID_BYTES: Final = 8
PERSON: Final = b"tokenward.audit"
MOST_ENTRIES: Final = 500
"""Entries of one record, some 300 bytes each: a record stays far below Kafka's 1 MiB."""
MOST_FOLLOWED: Final = 32
"""Heads that a first record names: the newest."""
MOST_NAME, MOST_TEXT, MOST_DETAILS = 200, 1_000, 32
"""Characters of an actor, a word or a detail's name; of a reason or a detail; and how many details."""
ANNOUNCED: Final = -1
"""The number of a head whose chain has no record yet."""


class Head(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """The last record of a chain, as somebody knows it."""

    chain: str
    #: `ANNOUNCED`: there need not be a record yet.
    number: int
    #: In hexadecimal.
    hash: str = ""


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag=TYPE):
    """One line of the trail."""

    chain: str
    #: 0 is the first.
    number: int
    #: Hash of the record before; empty in the first.
    previous: str
    event: Event
    #: Of the first record: the heads of others' chains at that time.
    follows: tuple[Head, ...] = ()
    #: Id of the key that the hash was made with; absent: of none.
    keyed: str = ""
    hash: str = ""


class Sealed(msgspec.Struct, frozen=True):
    """A record as it is written, and the head that it makes."""

    line: bytes
    head: Head
    at: int


_encoder = msgspec.json.Encoder(order="sorted")


def canonical(value: Any) -> bytes:
    """The one form of a record, or of what JSON was read of it."""
    return _encoder.encode(value)


def hash_of(text: bytes, key: bytes = b"") -> str:
    """The hash of a record's canonical text without its own."""
    return blake2b(text, key=key, digest_size=HASH_BYTES, person=PERSON).hexdigest()


def key_id(key: bytes) -> str:
    """The public name of a key, which tells nothing of it; empty where there is none."""
    return blake2b(b"id", key=key, digest_size=KEY_ID_BYTES, person=PERSON).hexdigest() if key else ""


def keys_of(keys: Iterable[bytes]) -> dict[str, bytes]:
    """Keys by their names."""
    return {key_id(key): key for key in keys}


class Chain:
    """One writer's chain. Not for several threads.

    What is sealed counts only when `advance` is told that it is durable. Danger: where nobody knows whether it is, this
    chain must not be gone on with, since another record might bear a number that is taken: begin a new one.
    """

    def __init__(self, name: str, follows: Sequence[Head] = (), key: bytes = b"") -> None:
        self._follows = tuple(follows)[-MOST_FOLLOWED:]
        self._key = key
        self._keyed = key_id(key)
        #: The last record that is known to be durable.
        self.head = Head(chain=name, number=ANNOUNCED)

    def seal(self, events: Sequence[Event]) -> list[Sealed]:
        """The records of these events, which come after the head; the chain stays as it is."""
        sealed: list[Sealed] = []
        head = self.head
        for event in events:
            for part in _parts(_bounded(event)):
                sealed.append(self._seal(part, head))
                head = sealed[-1].head
        return sealed

    def advance(self, sealed: Sequence[Sealed]) -> None:
        """These records are durable."""
        if sealed:
            self.head = sealed[-1].head

    def _seal(self, event: Event, before: Head) -> Sealed:
        number = before.number + 1
        record = Record(
            chain=before.chain,
            number=number,
            previous=before.hash,
            event=event,
            follows=() if number else self._follows,
            keyed=self._keyed,
        )
        own = hash_of(canonical(record), self._key)
        line = canonical(msgspec.structs.replace(record, hash=own))
        return Sealed(line, Head(chain=before.chain, number=number, hash=own), event.at)


def _parts(event: Event) -> Iterator[Event]:
    """The event, in as many pieces as its entries need."""
    yield msgspec.structs.replace(event, entries=event.entries[:MOST_ENTRIES])
    for start in range(MOST_ENTRIES, len(event.entries), MOST_ENTRIES):
        yield msgspec.structs.replace(event, entries=event.entries[start : start + MOST_ENTRIES])


def _bounded(event: Event) -> Event:
    """The event with no text too long, and none that JSON in UTF-8 cannot hold: half a surrogate pair becomes `?`."""
    return msgspec.structs.replace(
        event,
        actor=_text(event.actor, MOST_NAME),
        via=_text(event.via, MOST_NAME),
        action=_text(event.action, MOST_NAME),
        reason=_text(event.reason, MOST_TEXT),
        request=_text(event.request, MOST_NAME),
        entries=tuple(map(_entry, event.entries)),
        details=_details(event.details),
    )


def _details(details: Mapping[str, str]) -> dict[str, str]:
    first = sorted(details)[:MOST_DETAILS]
    return {_text(name, MOST_NAME): _text(details[name], MOST_TEXT) for name in first}


def _entry(entry: Entry) -> Entry:
    """An entry is written as it is applied, or the trail would not replay: its texts are bounded where it is made."""
    return entry if entry.seq is None else msgspec.structs.replace(entry, seq=None)


def _text(text: str, most: int) -> str:
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return cut.encode("utf-8", "replace").decode()
