"""Reads subject identifiers: RFC 9493's formats, those that SSF 1.0 adds (sections 3.3 and 3.5), and older wires. PURE.

    {"format": "iss_sub", "iss": "https://idp/", "sub": "u1"}                                   simple
    {"format": "complex", "user": {…}, "session": {…}, "tenant": {…}}                           one principal, narrowed
    {"user": {…}, "session": {…}}     {"subject_type": "iss-sub", "iss": "…", "sub": "u1"}      older wires

What is known is read strictly, as half an identifier may name another person. A format or a member that nobody here
knows is kept by its name only: SSF 1.0, section 3.3.1, and interop ask that it cause no rejection.
"""

from collections.abc import Mapping
from typing import NamedTuple

VALUE_CHARS = 1024
"""Longer than any identifier of an issuer that is known; `sub` has at most 255 (OpenID Connect Core, section 2)."""
TOKEN_CHARS = 16 * 1024
"""An `oauth_token` identifier holds a whole token."""
MOST_MEMBERS = 16
MOST_ALIASES = 16

#: Format -> its members, each a text that is not empty (RFC 9493, section 3; SSF 1.0, section 3.5).
FORMATS: dict[str, tuple[str, ...]] = {
    "account": ("uri",),
    "email": ("email",),
    "iss_sub": ("iss", "sub"),
    "opaque": ("id",),
    "phone_number": ("phone_number",),
    "did": ("url",),
    "uri": ("uri",),
    "jwt_id": ("iss", "jti"),
    "saml_assertion_id": ("issuer", "assertion_id"),
    "oauth_token": ("token_type", "token_identifier_alg", "token"),
}
COMPLEX, ALIASES = "complex", "aliases"
#: Google's RISC writes formats with hyphens, under `subject_type`; SSF's own text once says `phone`.
OLD_NAMES = {"iss-sub": "iss_sub", "jwt-id": "jwt_id", "phone": "phone_number"}


class Misnamed(ValueError):  # noqa: N818 - named after what is wrong
    """It is no subject identifier."""


class UnknownFormat(Misnamed):
    """It may be one, of a format that nobody here knows."""


class Identifier(NamedTuple):
    """One simple identifier; of aliases, the others that name the same."""

    format: str
    parts: dict[str, str]
    aliases: tuple["Identifier", ...] = ()


class Named(NamedTuple):
    """A subject: a simple identifier, or the members of a complex one, all of which describe one principal."""

    simple: Identifier | None
    members: dict[str, Identifier]
    #: Names of members of which no identifier could be made.
    unknown: frozenset[str] = frozenset()


def named(value: object, *, old: bool = False) -> Named:
    """The subject in a `sub_id`; `old` takes the older wires, too.

    Raises:
        Misnamed: it is none.
        UnknownFormat: its format is not known.
    """
    said = _object(value)
    if said.get("format") == COMPLEX:
        return _complex({name: part for name, part in said.items() if name != "format"}, old=old)
    if old and "format" not in said and "subject_type" not in said:
        return _complex(said, old=True)
    return Named(_identifier(said, old=old), {})


def _complex(members: Mapping[str, object], *, old: bool) -> Named:
    if not members or len(members) > MOST_MEMBERS:
        raise Misnamed("A complex subject has members, but not many.")
    read: dict[str, Identifier] = {}
    unknown = set()
    for name, part in members.items():
        try:
            read[name] = _identifier(_object(part), old=old)
        except UnknownFormat:
            unknown.add(name)
    return Named(None, read, frozenset(unknown))


def _identifier(said: Mapping[str, object], *, old: bool) -> Identifier:
    form = said.get("format", said.get("subject_type") if old else None)
    if not isinstance(form, str):
        raise Misnamed("A subject identifier has a format.")
    form = OLD_NAMES.get(form, form) if old else form
    if form == ALIASES:
        return Identifier(form, {}, _aliases(said.get("identifiers"), old=old))
    if form not in FORMATS:
        raise UnknownFormat("The format of this subject identifier is not known.")
    return Identifier(form, {name: _part(said.get(name), name) for name in FORMATS[form]})


def _aliases(value: object, *, old: bool) -> tuple[Identifier, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MOST_ALIASES:
        raise Misnamed("Aliases are some identifiers, but not many.")
    found = []
    for one in map(_object, value):
        if one.get("format") == ALIASES:
            raise Misnamed("Aliases hold no aliases (RFC 9493, section 3.2.8).")
        try:
            found.append(_identifier(one, old=old))
        except UnknownFormat:
            continue
    if not found:
        raise UnknownFormat("No alias has a format that is known.")
    return tuple(found)


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Misnamed("A subject identifier is an object.")
    return value


def _part(value: object, name: str) -> str:
    most = TOKEN_CHARS if name == "token" else VALUE_CHARS
    if not isinstance(value, str) or not 0 < len(value) <= most:
        raise Misnamed("A member of a subject identifier is a text that is neither empty nor long.")
    return value
