"""What bouncers read: decisions in the words of CrowdSec's local API, and its form of an error.

Facts that clients rely on: `scope` is `Ip` or `Range`, with a capital; `duration` is a Go duration; a list without
members is `null`; ids fit 31 bits, as some clients read them into the machine's own integer.
"""

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from http import HTTPStatus
from typing import Final
from uuid import UUID

import msgspec

BAN, CAPTCHA = "ban", "captcha"
"""What a bouncer does: refuse, or let somebody prove to be a person, the step-up that a firewall can ask for."""
IP, RANGE = "Ip", "Range"
ORIGIN: Final = "tokenward"
"""Who decided, as bouncers count and filter it."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ID_BITS: Final = 2**31 - 1
_encoder = msgspec.json.Encoder()


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One decision about one address or network."""

    id: int
    uuid: str
    origin: str = ORIGIN
    type: str
    scope: str
    value: str
    duration: str
    until: str
    scenario: str
    simulated: bool = False


class Stream(msgspec.Struct, frozen=True):
    """What changed: an empty list is null."""

    new: list[Decision] | None
    deleted: list[Decision] | None


class Trouble(Exception):  # noqa: N818 - named after what it tells
    """A request is answered with CrowdSec's form of an error."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


def decision_of(digest: bytes, kind: str, value: str, reason: str, ends_at: int, now: int) -> Decision:
    """The decision about the address of that digest; one that has ended has a negative duration.

    Its ids come from the digest and the kind alone, so every process gives the same, before a restart and after it.
    """
    number = blake2b(digest, digest_size=16, person=kind.encode()).digest()
    return Decision(
        id=int.from_bytes(number[:4], "big") & _ID_BITS or 1,
        uuid=str(UUID(bytes=number, version=4)),
        type=kind,
        scope=RANGE if "/" in value else IP,
        value=value,
        duration=go_duration(ends_at - now),
        until=moment(ends_at),
        scenario=f"{ORIGIN}/{reason}",
    )


def go_duration(ms: int) -> str:
    """A duration as Go writes it, in whole seconds: `3h57m59s`, `-12m3s`; never less than a second."""
    # A fraction, or `500ms`, is read as so many seconds by clients that parse with an expression of their own.
    hours, rest = divmod(max(1, abs(ms) // 1000), 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if hours or minutes else "", f"{seconds}s"]
    return ("-" if ms < 0 else "") + "".join(parts)


def moment(ms: int) -> str:
    """RFC 3339, in UTC and whole seconds; the last that a calendar has where it is later."""
    latest = int((datetime.max.replace(tzinfo=UTC) - _EPOCH) / timedelta(milliseconds=1))
    return (_EPOCH + timedelta(milliseconds=min(ms, latest))).strftime("%Y-%m-%dT%H:%M:%SZ")


def stream_of(new: list[Decision], deleted: list[Decision]) -> bytes:
    """The body of an answer about changes."""
    return _encoder.encode(Stream(new or None, deleted or None))


def list_of(found: list[Decision]) -> bytes:
    """The body of an answer to a question."""
    return _encoder.encode(found or None)


def trouble_of(sentence: str) -> bytes:
    """The body of an error."""
    return _encoder.encode({"message": sentence})
