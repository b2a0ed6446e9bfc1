"""Reads a POST's JSON body within bounds: its size, its type, and what all unfinished bodies hold together."""

from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException

from api.problems import BUSY, METHOD_NOT_ALLOWED, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, Refused

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HELD_BYTES = 128 * 1024 * 1024
"""What unfinished bodies of all connections may hold together by default: 16 of the largest batches."""

LENGTH_DIGITS = 18
"""A longer `Content-Length` is not even read as a number."""


class Disconnected(Exception):  # noqa: N818 - named after what happened
    """The client left before its body was whole; nobody waits for an answer."""


class BodyReader:
    """Reads bodies of at most `limit` bytes each; those under way hold at most `held` bytes together.

    How long a body may take is the server's bound (`api.protocol`), as that of the headers before it.
    """

    def __init__(self, limit: int, held: int = HELD_BYTES) -> None:
        self._limit = limit
        #: A `Content-Length` of fewer digits is within the limit, so it need not be read as a number.
        self._digits = len(str(limit))
        #: Bytes that may still come in parts, over all connections; never negative.
        self._left = held

    def admit(self, scope: Scope) -> None:
        """Refuse by the head alone, before a byte of the body is asked for.

        Raises:
            Refused: it is no POST, or its body is announced as too long or as something else than JSON.
        """
        if scope["method"] != "POST":
            raise Refused(METHOD_NOT_ALLOWED)
        for name, value in scope["headers"]:
            if name == b"content-type":
                if value != b"application/json" and not _is_json(value):
                    raise Refused(UNSUPPORTED_MEDIA_TYPE)
            elif name == b"content-length" and len(value) >= self._digits and self._is_beyond(value):
                raise Refused(TOO_LARGE)

    async def join(self, message: Message, receive: Receive) -> bytes:
        """The whole body, the first part of which is `message`.

        Raises:
            Refused: it is too long, or too much is being read at once.
            Disconnected: the client left.
        """
        parts = bytearray()
        held = 0
        try:
            while True:
                part = self._part(message)
                if len(parts) + len(part) > self._limit:
                    raise Refused(TOO_LARGE)
                if len(part) > self._left:
                    raise Refused(BUSY)
                self._left -= len(part)
                held += len(part)
                parts += part
                if not message.get("more_body", False):
                    return bytes(parts)
                message = await receive()
        finally:
            self._left += held

    def _is_beyond(self, length: bytes) -> bool:
        return len(length) > LENGTH_DIGITS or int(length) > self._limit

    def _part(self, message: Message) -> bytes:
        if message["type"] != "http.request":
            raise Disconnected
        part: bytes = message.get("body", b"")
        if len(part) > self._limit:
            raise Refused(TOO_LARGE)
        return part


def bounded(receive: Receive, limit: int) -> Receive:
    """The same messages; from a body on that is longer than `limit` bytes FastAPI is stopped with a 413."""
    left = limit

    async def receiving() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return message

    return receiving


def _is_json(media_type: bytes) -> bool:
    """Whether a `Content-Type` says JSON, whatever its parameters."""
    essence = media_type.partition(b";")[0].strip().lower()
    return essence == b"application/json" or (essence.startswith(b"application/") and essence.endswith(b"+json"))
