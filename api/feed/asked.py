"""Reads what is asked of the raw routes: a few parameters, each checked, none of them ever repeated in an answer."""

import re
from collections.abc import Callable
from typing import Annotated, NamedTuple, TypeVar
from urllib.parse import parse_qsl

import msgspec

from api.body import Scope
from api.problems import BAD_REQUEST, METHOD_NOT_ALLOWED, Refused
from revocation.record import Position

LONGEST_WAIT = 30.0
MOST_CHANGES = 10_000
USUAL_CHANGES = 1000
NAME = "[A-Za-z0-9._-]{1,64}"
POSITION_CHARS = 4096
"""Far more than the largest number of shards needs."""
MOST_PARAMETERS = 16

T = TypeVar("T")

_NAME = re.compile(NAME)
#: Nothing that could end a line of a stream, in which positions are repeated.
_POSITION = re.compile(r"[!-~]+")
_WAIT = re.compile(r"\d{1,2}(\.\d{1,3})?", re.ASCII)
_LIMIT = re.compile(r"\d{1,5}", re.ASCII)


class Asked(NamedTuple):
    """What one poll asks for."""

    cursor: Position
    #: Seconds.
    wait: float
    limit: int
    #: Who asks, where it says so.
    replica: str | None


class Acknowledgement(msgspec.Struct, frozen=True):
    """What a reader of the stream has applied."""

    replica: Annotated[
        str, msgspec.Meta(pattern=f"^{NAME}$", description="The name that the replica goes by, of its own.")
    ]
    cursor: Annotated[
        str, msgspec.Meta(max_length=POSITION_CHARS, description="Everything up to this position is applied.")
    ]


def admit(scope: Scope) -> None:
    """Refuse what is no GET and no HEAD."""
    if scope["method"] not in {"GET", "HEAD"}:
        raise Refused(METHOD_NOT_ALLOWED)


def poll_of(scope: Scope) -> Asked:
    """What a poll asks.

    Raises:
        Refused: a parameter is missing or wrong.
    """
    given = _parameters(scope)
    return Asked(
        _read(given, "cursor", position_of),
        _read(given, "wait", _wait, "0"),
        _read(given, "limit", _limit, str(USUAL_CHANGES)),
        _read(given, "replica", _name) if "replica" in given else None,
    )


def start_of(scope: Scope) -> Position | None:
    """Where a stream is to begin: after `Last-Event-ID`, else after `cursor`; None: now.

    Raises:
        Refused: it is no position.
    """
    given = _parameters(scope)
    for name, value in scope["headers"]:
        if name == b"last-event-id" and value:
            return _read({"last-event-id": value.decode("latin-1")}, "last-event-id", position_of)
    return _read(given, "cursor", position_of) if "cursor" in given else None


def position_of(text: str) -> Position:
    """A position.

    Raises:
        ValueError: it is none.
    """
    if len(text) > POSITION_CHARS or not _POSITION.fullmatch(text):
        raise ValueError("A position is short, and all of it can be printed.")
    return Position.parse(text)


def takes_gzip(scope: Scope) -> bool:
    """Whether the client says that it reads gzip."""
    for name, value in scope["headers"]:
        if name == b"accept-encoding":
            for coding in value.lower().split(b","):
                word, _, weight = coding.partition(b";")
                if word.strip() in {b"gzip", b"x-gzip", b"*"}:
                    return not re.fullmatch(rb"\s*q\s*=\s*0(\.0*)?\s*", weight)
    return False


def _parameters(scope: Scope) -> dict[str, str]:
    query: bytes = scope["query_string"]
    try:
        return dict(parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=MOST_PARAMETERS))
    except ValueError:
        raise Refused(BAD_REQUEST) from None


def _read(given: dict[str, str], name: str, read: Callable[[str], T], usual: str = "") -> T:
    try:
        return read(given.get(name, usual))
    except ValueError:
        raise Refused(BAD_REQUEST, errors=[{"detail": "Not a valid value.", "parameter": name}]) from None


def _wait(text: str) -> float:
    if not _WAIT.fullmatch(text) or float(text) > LONGEST_WAIT:
        raise ValueError
    return float(text)


def _limit(text: str) -> int:
    if not _LIMIT.fullmatch(text) or not 1 <= int(text) <= MOST_CHANGES:
        raise ValueError
    return int(text)


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError
    return text
