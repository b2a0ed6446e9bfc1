"""Reads a signed token in its compact form, strictly and without believing a word of it. PURE.

Signature and claims are looked at elsewhere (`api.tokens`); here is what has to hold before either can be.
"""

import json
import re
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from math import isfinite
from typing import NamedTuple, NoReturn

TOKEN_BYTES = 16 * 1024
HEADER_CHARS = 4 * 1024
KID_CHARS = 256
LATEST = 2**53
"""No time is later, in whatever unit: what JSON's doubles count exactly."""

#: Three parts of base64url without padding; RFC 8725bis, section 3.14: nothing else, JSON serialisation least of all.
_COMPACT = re.compile(rb"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_UNSIGNED = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.")
_ENCRYPTED = re.compile(rb"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){4}")

Payload = dict[str, object]


class Invalid(Exception):  # noqa: N818 - named after what is so
    """The token is not taken; `reason` is the metric's label, and says nothing of the token itself."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Compact(NamedTuple):
    """A token taken apart; nothing of it is verified."""

    alg: str
    kid: str | None
    #: As it came; None: it has none.
    typ: str | None
    payload: Payload
    #: What the signature is of.
    signed: bytes
    signature: bytes


def read_compact(token: bytes) -> Compact:
    """Take a token apart.

    Raises:
        Invalid: it is too large, no signed token in compact form, or its JSON is no plain object.
    """
    if len(token) > TOKEN_BYTES:
        raise Invalid("too_large")
    parts = _COMPACT.fullmatch(token)
    if parts is None:
        raise Invalid(_what_else(token))
    header, payload, signature = parts.groups()
    if len(header) > HEADER_CHARS:
        raise Invalid("too_large")
    said = _object(header)
    if "crit" in said or "b64" in said:
        # Whoever marks an extension as critical wants it understood or refused, and none is understood here.
        raise Invalid("critical")
    if "enc" in said:
        raise Invalid("encrypted")
    return Compact(
        alg=_text(said, "alg", "algorithm") or "",
        kid=_kid(said),
        typ=_text(said, "typ", "type"),
        payload=_object(payload),
        signed=token[: parts.end(2)],
        signature=_decoded(signature),
    )


def seconds(payload: Payload, name: str) -> float | None:
    """A time of the payload, seconds since the epoch; None: it has none.

    Raises:
        Invalid: it is no number, or none that could be a time.
    """
    value = payload.get(name)
    if value is None and name not in payload:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or abs(value) > LATEST:
        raise Invalid("malformed")
    return value


def text(payload: Payload, name: str) -> str | None:
    """A text of the payload; None where it has none, or something else."""
    value = payload.get(name)
    return value if isinstance(value, str) else None


def _what_else(token: bytes) -> str:
    if _UNSIGNED.fullmatch(token):
        return "unsigned"
    return "encrypted" if _ENCRYPTED.fullmatch(token) else "malformed"


def _decoded(part: bytes) -> bytes:
    try:
        return urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except Base64Error:
        raise Invalid("malformed") from None


def _object(part: bytes) -> Payload:
    decoded = _decoded(part)
    try:
        value = json.loads(decoded, object_pairs_hook=_without_duplicates, parse_constant=_no_number, parse_int=_int)
        if b"\\u" in decoded:
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no character, and has no digest
    except (ValueError, RecursionError):
        raise Invalid("malformed") from None
    if not isinstance(value, dict):
        raise Invalid("malformed")
    return value


def _without_duplicates(pairs: list[tuple[str, object]]) -> Payload:
    """An object; where two members have one name, two readers would see two tokens."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise Invalid("duplicate_member")
    return members


def _no_number(_: str) -> NoReturn:
    raise Invalid("malformed")


def _int(digits: str) -> int | float:
    """Whole numbers as large as any honest one; reading longer ones takes time that grows with their square."""
    return int(digits) if len(digits) <= 20 else float("inf")  # noqa: PLR2004 - 2**63 and its sign


def _text(header: Payload, name: str, reason: str) -> str | None:
    value = header.get(name)
    if value is None and name not in header:
        return None
    if not isinstance(value, str):
        raise Invalid(reason)
    return value


def _kid(header: Payload) -> str | None:
    """The name of the key: compared, never looked up anywhere but among the issuer's own keys."""
    kid = _text(header, "kid", "key_unknown")
    if kid is not None and not 0 < len(kid) <= KID_CHARS:
        raise Invalid("key_unknown")
    return kid
