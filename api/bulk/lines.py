"""The lines of an upload: NDJSON, one identity a line, as `POST /v1/revocations` names it. PURE."""

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from api.bulk.draft import MOST_FAULTS, PART_LINES, Fault, Part
from revocation.claims import Claims
from revocation.layout import SCOPES, field_of
from revocation.naming import Misnamed, Named, subject_of
from revocation.record import DIGEST_BYTES, Scope, Subject

FIELD_BYTES = 1 + DIGEST_BYTES
IDENTIFIER_CHARS = 1024


class Line(Claims, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One identity: members of a token's claims, or `scope` and `digest`."""

    scope: Scope | None = None
    digest: str | None = None


class Read(NamedTuple):
    """What was read of a part."""

    part: Part
    #: Each once, in order.
    subjects: tuple[Subject, ...]
    touched: set[tuple[Scope, str | None]]


_decoder = msgspec.json.Decoder(Line)
_IDENTITIES = ("iss", "sub", "sid", "jti", "client_id", "device", "kid", "ip")


def read_part(number: int, text: bytes, key: bytes) -> Read:
    """The identities of a part; what names nobody is counted, and the first of it told.

    Raises:
        ValueError: it has too many lines.
    """
    lines = [(count, line) for count, line in enumerate(text.splitlines(), 1) if line.strip()]
    if len(lines) > PART_LINES:
        raise ValueError("A part has at most 5,000 lines.")
    subjects: dict[Subject, None] = {}
    touched: set[tuple[Scope, str | None]] = set()
    faults: list[Fault] = []
    unusable = 0
    for count, line in lines:
        try:
            subject, iss = _named(line, key)
        except (msgspec.MsgspecError, Misnamed, RecursionError, UnicodeDecodeError) as error:
            unusable += 1
            if len(faults) < MOST_FAULTS:
                faults.append(Fault(number, count, error.fault if isinstance(error, Misnamed) else "json"))
            continue
        subjects[subject] = None
        touched.add((subject.scope, iss))
    return Read(Part(number, len(subjects), unusable, tuple(faults)), tuple(subjects), touched)


def packed(subjects: Collection[Subject]) -> bytes:
    """Subjects as they are kept: 17 bytes each."""
    return b"".join(map(field_of, subjects))


def unpacked(text: bytes, start: int, stop: int) -> list[Subject]:
    """Some of them again."""
    places = range(start * FIELD_BYTES, min(stop * FIELD_BYTES, len(text)), FIELD_BYTES)
    return [Subject(SCOPES[text[at : at + 1]], text[at + 1 : at + FIELD_BYTES]) for at in places]


def _named(text: bytes, key: bytes) -> tuple[Subject, str | None]:
    line = _decoder.decode(text)
    identity = {name: getattr(line, name) for name in _IDENTITIES}
    if any(value is not None and not 0 < len(value) <= IDENTIFIER_CHARS for value in identity.values()):
        raise Misnamed("one")
    subject = subject_of(Named(claims=Claims(**identity), scope=line.scope, digest=line.digest), key)
    return subject, None if subject.scope is Scope.ORIGIN else line.iss
