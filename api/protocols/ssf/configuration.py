"""Configuration: a stream as its receiver sees and changes it; SSF 1.0, section 8.1.1.

Pure functions from one `Stream` to the next. Members of the transmitter may be sent along in an update, as they were
read; members that nobody knows are ignored.
"""

import secrets
from typing import Any, TypeGuard
from urllib.parse import SplitResult, urlsplit

import msgspec

from api.protocols.ssf.transmitter import Transmitter
from api.protocols.ssf.wire import invalid
from revocation.ssf.events import SUPPORTED
from revocation.ssf.receivers import Receiver
from revocation.ssf.streams import POLL, PUSH, Method, Stream
from revocation.ssf.subjects import Json

ID_BYTES = 16
LONGEST_URL = 2048
LONGEST_TEXT = 4096
MOST_EVENTS = 100
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Whither a push may go without TLS: it leaves no machine."""
METHODS: dict[str, Method] = {
    PUSH: PUSH,
    POLL: POLL,
    # Receivers of RISC's days still say it so.
    "https://schemas.openid.net/secevent/risc/delivery-method/push": PUSH,
    "https://schemas.openid.net/secevent/risc/delivery-method/poll": POLL,
}


def shown(stream: Stream, transmitter: Transmitter) -> Json:
    """The stream as its receiver reads it; what it gave as `authorization_header` is never shown again."""
    delivery = {"method": stream.method, "endpoint_url": stream.url}
    if stream.method == POLL:
        delivery["endpoint_url"] = transmitter.poll_url(stream.id)
    return {
        "stream_id": stream.id,
        "iss": transmitter.issuer,
        "aud": stream.aud[0] if len(stream.aud) == 1 else list(stream.aud),
        "events_supported": list(SUPPORTED),
        "events_requested": list(stream.requested),
        "events_delivered": stream.delivered(SUPPORTED),
        "delivery": delivery,
        "min_verification_interval": transmitter.min_verification_s,
        **({} if stream.description is None else {"description": stream.description}),
    }


def created(asked: Json, receiver: Receiver) -> Stream:
    """The new stream that is asked for; the receiver says where to and what, everything else is ours to say.

    Raises:
        Unfit: it is not as it must be.
    """
    blank = Stream(id=secrets.token_urlsafe(ID_BYTES), receiver=receiver.name, aud=receiver.audience)
    return _with(blank, asked, receiver)


def patched(stream: Stream, asked: Json, receiver: Receiver, transmitter: Transmitter) -> Stream:
    """The stream with what is sent changed, and nothing else.

    Raises:
        Unfit: it is not as it must be, or a member of the transmitter's is not what it is.
    """
    _unchanged(stream, asked, transmitter)
    return _next(_with(stream, asked, receiver))


def replaced(stream: Stream, asked: Json, receiver: Receiver, transmitter: Transmitter) -> Stream:
    """The stream as it is sent: what the receiver left out is gone.

    Raises:
        Unfit: as for `patched`.
    """
    _unchanged(stream, asked, transmitter)
    absent: Json = {"events_requested": [], "description": None, "delivery": {"method": POLL}}
    return _next(_with(stream, absent | asked, receiver))


def stream_id_of(asked: Json) -> str:
    """The id that a body names.

    Raises:
        Unfit: it names none.
    """
    found = asked.get("stream_id")
    if not _is_text(found, LONGEST_TEXT):
        raise invalid("stream_id must name the stream.")
    return found


def _unchanged(stream: Stream, asked: Json, transmitter: Transmitter) -> None:
    current = shown(stream, transmitter)
    for name in ("iss", "aud", "events_supported", "events_delivered", "min_verification_interval"):
        if name in asked and _unordered(asked[name]) != _unordered(current[name]):
            raise invalid(f"{name} is the transmitter's, and not what it is now.")


def _unordered(value: Any) -> Any:
    """Lists of events and audiences say nothing by their order, and an array of one is the one."""
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return sorted(value)
    return [value] if isinstance(value, str) else value


def _with(stream: Stream, asked: Json, receiver: Receiver) -> Stream:
    changes: dict[str, Any] = {}
    if "events_requested" in asked:
        changes["requested"] = _events(asked["events_requested"])
    if "description" in asked:
        text = asked["description"]
        if text is not None and not _is_text(text, LONGEST_TEXT):
            raise invalid("description must be a text.")
        changes["description"] = text
    if "delivery" in asked:
        changes |= _delivery(stream, asked["delivery"], receiver)
    return msgspec.structs.replace(stream, **changes)


def _events(listed: object) -> tuple[str, ...]:
    if (
        not isinstance(listed, list)
        or len(listed) > MOST_EVENTS
        or not all(_is_text(one, LONGEST_URL) for one in listed)
    ):
        raise invalid("events_requested must be an array of at most 100 event types.")
    return tuple(dict.fromkeys(listed))


def _delivery(stream: Stream, delivery: object, receiver: Receiver) -> dict[str, Any]:
    if not isinstance(delivery, dict):
        raise invalid("delivery must be an object with a method.")
    name = delivery.get("method")
    method = METHODS.get(name) if isinstance(name, str) else None
    if method is None:
        raise invalid("delivery.method must be urn:ietf:rfc:8935 or urn:ietf:rfc:8936.")
    if method == POLL:
        return {"method": POLL, "url": "", "authorization": ""}
    url = _address(delivery.get("endpoint_url"), receiver)
    # Since it is never shown, who sends back what it read would lose it; but it goes to no other address.
    kept = stream.authorization if url == stream.url else ""
    authorization = delivery.get("authorization_header", kept)
    if not isinstance(authorization, str) or len(authorization) > LONGEST_TEXT or not _is_header(authorization):
        raise invalid("delivery.authorization_header must be what may stand in a header.")
    return {"method": PUSH, "url": url, "authorization": authorization}


def _address(url: object, receiver: Receiver) -> str:
    """An address that may be pushed to: of a host that the settings allow, and by TLS if it leaves this machine."""
    if not _is_text(url, LONGEST_URL) or not url.isascii() or not url.isprintable() or " " in url:
        raise invalid("delivery.endpoint_url must be an address.")
    try:
        parts: SplitResult | None = urlsplit(url)
        host = (parts.hostname or "") if parts else ""
        plain = parts is not None and parts.scheme == "http" and host in LOOPBACK and parts.port is not None
    except ValueError:
        parts, host, plain = None, "", False
    if parts is None or (parts.scheme != "https" and not plain) or "@" in parts.netloc or parts.fragment:
        raise invalid("delivery.endpoint_url must be https, without a user and a fragment.")
    if host not in receiver.push_hosts:
        raise invalid("delivery.endpoint_url names a host that this receiver's settings do not allow.")
    return url


def _next(stream: Stream) -> Stream:
    if stream.held:
        # Whoever changes a stream that we hold has most likely mended what held it.
        stream = stream.resumed(secrets.token_hex(8))
    return msgspec.structs.replace(stream, version=stream.version + 1)


def _is_text(value: object, longest: int) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= longest


def _is_header(value: str) -> bool:
    return value.isascii() and all(letter.isprintable() or letter == "\t" for letter in value)
