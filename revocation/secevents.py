"""Security event tokens: what one says once its signature is known to be good, RFC 8417 and SSF 1.0. PURE.

Pushed (RFC 8935) or polled (RFC 8936), an event goes through the same three steps, and each can refuse it with a code
that the transmitter is told (RFC 8935, section 2.4):

    token ──► `api.protocols.transmitters`: form, type, key, signature
          ──► here: whose, for whom, which id, which event, about whom
          ──► `revocation.obey`: what follows, if anything
"""

from collections.abc import Mapping
from math import isfinite
from typing import Final, Literal

import msgspec

from revocation.identifiers import Misnamed, Named, UnknownFormat, named

Code = Literal[
    "invalid_request",
    "invalid_key",
    "invalid_issuer",
    "invalid_audience",
    "authentication_failed",
    "access_denied",
    "invalid_state",
]
"""RFC 8935, section 2.4, and SSF 1.0, section 8.1.4.2."""

CAEP: Final = "https://schemas.openid.net/secevent/caep/event-type/"
RISC: Final = "https://schemas.openid.net/secevent/risc/event-type/"
OAUTH: Final = "https://schemas.openid.net/secevent/oauth/event-type/"
SSF: Final = "https://schemas.openid.net/secevent/ssf/event-type/"

JTI_CHARS = 256
MOST_EVENTS = 8
"""Of an older wire; SSF 1.0, section 4.2.1, wants exactly one."""
LEEWAY_MS = 300_000
"""How far in the future an `iat` may lie."""
LATEST_S = 2**53 // 1000


class SetRefused(Exception):  # noqa: N818 - named after what is answered
    """The event is not taken; `code` is what the transmitter is told, and the label of the metric."""

    def __init__(self, code: Code, sentence: str) -> None:
        super().__init__(sentence)
        self.code: Code = code
        #: Constant, so that nothing of the token, and nothing of our settings, is told to whoever asks.
        self.sentence = sentence


class Transmitter(msgspec.Struct, frozen=True, kw_only=True):
    """What one transmitter may say, and how it says it."""

    #: Exactly the `iss` of its tokens.
    iss: str
    #: Of these a token's `aud` must name one.
    audiences: tuple[str, ...]
    #: Whose identities it may name; an identifier that names no issuer is of the first.
    issuers: tuple[str, ...]
    #: The events that something follows from, by slug (`revocation.obey.EVENTS`); None: all that are known.
    obeyed: frozenset[str] | None = None
    #: What an `opaque` identifier that stands alone is.
    opaque: Literal["none", "user", "session"] = "none"
    #: Whether a person's e-mail address is the `sub` of the first issuer's tokens.
    emails: bool = False
    #: The id of a tenant -> the issuer that is meant.
    tenants: dict[str, str] = {}
    #: Members of complex subjects without which the others mean something else (SSF 1.0, section 3.6).
    critical: frozenset[str] = frozenset()
    #: What `state` of a verification event must be; None: whatever was asked for by other means.
    verification_state: str | None = None
    #: Whether older wires are taken: no `sub_id`, the subject in the event, no type, `sub` and `exp`, several events.
    lenient: bool = False


class Occurrence(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a token."""

    #: Its type, a URI.
    uri: str
    body: dict[str, object]
    #: None: of a format that nobody here knows.
    about: Named | None
    #: When it happened, epoch milliseconds: its own word for it, else the token's; never in the future.
    at: int


class Secevent(msgspec.Struct, frozen=True, kw_only=True):
    """A token: its id, unique among its issuer's, and its events."""

    iss: str
    jti: str
    occurrences: tuple[Occurrence, ...]


def secevent_of(payload: Mapping[str, object], transmitter: Transmitter, now: int) -> Secevent:
    """What the payload says.

    Raises:
        SetRefused: it is no security event, or not for us.
    """
    if payload.get("iss") != transmitter.iss:
        raise SetRefused("invalid_issuer", "The token is not of an issuer that this receiver knows.")
    if not _listed(payload.get("aud")) & set(transmitter.audiences):
        raise SetRefused("invalid_audience", "The token is not addressed to this receiver.")
    jti = payload.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= JTI_CHARS:
        # Without an id a replay could not be told from news.
        raise _malformed("The token has no id (jti), or too long a one.")
    if not transmitter.lenient and not {"sub", "exp"}.isdisjoint(payload):
        raise _malformed("A security event token has neither sub nor exp (SSF 1.0, sections 4.1.2 and 4.1.7).")
    issued = _moment(payload.get("iat"), "iat")
    if issued is None or issued > now + LEEWAY_MS:
        raise _malformed("The token does not say when it was issued (iat), or it was in the future.")
    happened = _moment(payload.get("toe"), "toe")
    at = min(now, issued if happened is None else happened)
    return Secevent(iss=transmitter.iss, jti=jti, occurrences=tuple(_occurrences(payload, transmitter, at, now)))


def _occurrences(payload: Mapping[str, object], transmitter: Transmitter, at: int, now: int) -> list[Occurrence]:
    events = payload.get("events")
    if not isinstance(events, dict) or not 0 < len(events) <= (MOST_EVENTS if transmitter.lenient else 1):
        raise _malformed("The token holds exactly one event (SSF 1.0, section 4.2.1).")
    found = []
    for uri, body in events.items():
        if not isinstance(body, dict):
            raise _malformed("An event is an object (RFC 8417, section 2.2).")
        own = _moment(body.get("event_timestamp"), "event_timestamp")
        about = _about(payload, body, transmitter)
        found.append(Occurrence(uri=uri, body=body, about=about, at=at if own is None else min(own, now)))
    return found


def _about(payload: Mapping[str, object], body: Mapping[str, object], transmitter: Transmitter) -> Named | None:
    """The subject: the token's, or of an older wire the event's own (SSF 1.0, section 3.1.1)."""
    said = payload.get("sub_id")
    if said is None and transmitter.lenient:
        # Before SSF 1.0 the members of a complex subject stood in the event beside everything else.
        said = body.get("subject", {name: body[name] for name in ("user", "session", "tenant") if name in body})
    if said is None:
        raise _malformed("The token does not say whom it is about (sub_id).")
    if transmitter.lenient and said == {}:
        return None
    try:
        return named(said, old=transmitter.lenient)
    except UnknownFormat:
        return None
    except Misnamed as misnamed:
        raise _malformed(str(misnamed)) from None


def _listed(aud: object) -> set[str]:
    return {one for one in (aud if isinstance(aud, list) else [aud]) if isinstance(one, str)}


def _moment(value: object, name: str) -> int | None:
    """Epoch milliseconds of a time in seconds; None: there is none."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0:
        raise _malformed(f"The time {name} is no number of seconds.")
    return int(min(value, LATEST_S) * 1000)


def _malformed(sentence: str) -> SetRefused:
    return SetRefused("invalid_request", sentence)
