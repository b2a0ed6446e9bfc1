"""Subjects of security events: how we name people and sessions to others, and what receivers may name. PURE.

Formats are those of RFC 9493 and of SSF 1.0, sections 3.3 and 3.5.
"""

from collections.abc import Callable
from typing import Any, Literal

from revocation.identifiers import FORMATS, MOST_MEMBERS, VALUE_CHARS
from revocation.ssf.identity import Identity

Shape = Literal["complex", "iss_sub"]
Json = dict[str, Any]

MEMBERS = {form: members for form, members in FORMATS.items() if form != "oauth_token"} | {
    "phone": FORMATS["phone_number"]  # so in one of SSF's own examples
}
"""The members of each simple format that may be named here; no receiver leaves us a token."""


def opaque(identifier: str) -> Json:
    """A subject that only its transmitter can read."""
    return {"format": "opaque", "id": identifier}


def subject_of(identity: Identity, shape: Shape, *, whole: bool, widen: bool) -> Json | None:
    """The subject that names the identity, in that shape; None where it cannot be said so.

    `whole`: the person with all sessions is meant, not the one session. In the shape `iss_sub` a session has no place:
    its event would end all sessions of the person, which happens only where the receiver's settings say `widen`.
    """
    user = None if identity.sub is None else {"format": "iss_sub", "iss": identity.iss, "sub": identity.sub}
    if whole or shape == "iss_sub":
        return user if whole or widen else None
    if identity.sid is None:
        return None
    session = {"format": "complex", "session": opaque(identity.sid)}
    # Session ids are unique within their issuer only; without a person the issuer stands beside it as the tenant.
    return session | ({"user": user} if user is not None else {"tenant": opaque(identity.iss)})


def is_subject(value: object) -> bool:
    """Whether a receiver may name that: a known format with its members, and no value that is empty."""
    if not isinstance(value, dict) or not isinstance(value.get("format"), str):
        return False
    parts = [part for name, part in value.items() if name != "format"]
    match value["format"]:
        case "complex":
            return 0 < len(parts) <= MOST_MEMBERS and all(map(_is_simple, parts))
        case "aliases":
            return value.keys() == {"format", "identifiers"} and _are(_is_simple, parts[0])
        case "ip-addresses":
            return value.keys() == {"format", "ip-addresses"} and _are(_is_text, parts[0])
        case _:
            return _is_simple(value)


def _is_simple(value: object) -> bool:
    if not isinstance(value, dict):
        return False
    form = value.get("format")
    return (
        isinstance(form, str)
        and value.keys() == {"format", *MEMBERS.get(form, ())}
        and form in MEMBERS
        and all(map(_is_text, value.values()))
    )


def _are(kind: Callable[[object], bool], listed: object) -> bool:
    return isinstance(listed, list) and 0 < len(listed) <= MOST_MEMBERS and all(map(kind, listed))


def matches(named: Json, told: Json) -> bool:
    """Whether a subject that a receiver named is the one of an event (SSF 1.0, section 8.1.3.1).

    Simple subjects match where they are identical. Complex ones match where each member is equal, or undefined on
    either side; so a simple subject, which is about a person, is compared with the member `user`.
    """
    if "complex" not in {named["format"], told["format"]}:
        return named == told
    one, other = _members(named), _members(told)
    return all(one[name] == other[name] for name in one.keys() & other.keys()) and bool(one.keys() & other.keys())


def _members(subject: Json) -> Json:
    if subject["format"] != "complex":
        return {"user": subject}
    return {name: part for name, part in subject.items() if name != "format"}


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= VALUE_CHARS
