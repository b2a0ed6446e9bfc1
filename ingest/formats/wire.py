"""Strict reading of one JSON record: what it is, or why it cannot be used, never what is in it. PURE.

A record is decoded by its typed decoder, in one pass. Only where that fails is it looked at again, member by member,
for the reason. What the decoder complains of may quote the record, so it is dropped, not chained.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from ingest.formats.event import Reject

MAX_BYTES: Final = 65_536
"""The longest record: four times all members of a native event at their longest."""

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a decoder raises: no JSON or of another type, no UTF-8, nested too deeply."""

T = TypeVar("T")

_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.")  # a JSON object in base64url, then a second part
_J: Final = ord("J")
_BACKSLASH: Final = ord("\\")
_PLACE = re.compile(r"at `\$\.([\w.]+)`$")  # where msgspec found fault


def attempt(decode: Callable[[bytes], T], value: bytes) -> T | None:
    """What `decode` makes of `value`, or None where it cannot."""
    try:
        return decode(value) if len(value) <= MAX_BYTES else None
    except UNREADABLE:
        return None


def may_hold_token(value: bytes) -> bool:
    """Whether a JWT may stand in the record: `eyJ` does, or an escape that may hide it.

    One byte is far faster to look for than three, and a capital J is rare.
    """
    return (_J in value and b"eyJ" in value) or _BACKSLASH in value


def holds_token(members: Iterable[object]) -> bool:
    """Whether one of the texts among `members` looks like a JWT."""
    return any(isinstance(text, str) and _JWT.search(text) is not None for text in members)


def complaint(
    value: bytes, decode: Callable[[bytes], object], limits: Mapping[str, int], required: Iterable[str]
) -> Reject:
    """Why `value`, which `decode` or a check after it refused, cannot be used.

    Args:
        value: the record.
        decode: its typed decoder.
        limits: the longest text of each member that is read, in characters; `details.x` is a member's member.
        required: the members without which a record says nothing.
    """
    if len(value) > MAX_BYTES:
        return Reject("too_large")
    members = _members(value)
    if members is None:
        return Reject("bad_value" if _is_json(value) else "bad_json")
    texts = {name: text for name in limits if isinstance(text := members.get(name), str)}
    for name, text in texts.items():
        if holds_token([text]):
            return _about(name, "token_in_clear", "holds what looks like a token; send its id or a digest")
    for name, text in texts.items():
        if len(text) > limits[name]:
            return _about(name, "value_too_long", f"is longer than {limits[name]} characters; send an id or a digest")
    for name in required:
        if members.get(name) in (None, ""):
            return _about(name, "missing_field", "is required and missing")
    place = _fault_place(decode, value)
    return _about(place, "bad_value", "has a value that it cannot have") if place in limits else Reject("bad_value")


def _about(name: str, reason: str, sentence: str) -> Reject:
    return Reject(reason, f"The member {name} {sentence}.")


def _members(value: bytes) -> dict[str, Any] | None:
    """The record's members, those of `details` as `details.x`; None where it is not an object."""
    whole = attempt(msgspec.json.decode, value)
    if not isinstance(whole, dict):
        return None
    details = whole.get("details")
    return whole | ({f"details.{name}": inner for name, inner in details.items()} if isinstance(details, dict) else {})


def _is_json(value: bytes) -> bool:
    """Whether it is one JSON object but for numbers that no number type holds, such as 1e400."""
    raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    return attempt(bytes.decode, value) is not None and attempt(raw, value) is not None


def _fault_place(decode: Callable[[bytes], object], value: bytes) -> str:
    """The member at which the typed decoder stopped; empty where it did not say."""
    try:
        decode(value)
    except msgspec.ValidationError as error:
        found = _PLACE.search(str(error))
        return found[1] if found else ""
    except UNREADABLE:
        return ""
    return ""
