"""How the transmitter's routes are asked and answer: bounded JSON, and errors in the shape that SETs' delivery has."""

from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import Request, Response

MOST_BYTES = 64 * 1024
NO_STORE = {"Cache-Control": "no-store"}


class Unfit(Exception):  # noqa: N818 - named after what happened
    """A request is refused: a status, a code, and a sentence of ours that repeats nothing of the request."""

    def __init__(self, status: HTTPStatus, err: str, description: str, **headers: str) -> None:
        super().__init__(err)
        self.status = status
        self.err = err
        self.description = description
        self.headers = headers

    def response(self) -> Response:
        """RFC 8935, section 2.3: JSON, and the language of its sentence."""
        told = {"err": self.err, "description": self.description}
        headers = {**NO_STORE, "Content-Language": "en", **self.headers}
        return Response(msgspec.json.encode(told), self.status, headers, "application/json")


def invalid(description: str) -> Unfit:
    """What is sent is not as it must be."""
    return Unfit(HTTPStatus.BAD_REQUEST, "invalid_request", description)


NO_STREAM = "There is no such stream of yours."


def absent() -> Unfit:
    """There is no such stream of this receiver; nobody learns whether another has it."""
    return Unfit(HTTPStatus.NOT_FOUND, "not_found", NO_STREAM)


async def json_of(request: Request) -> dict[str, Any]:
    """The JSON object in the body.

    Raises:
        Unfit: it is none, or longer than `MOST_BYTES`.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise Unfit(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "invalid_request", "The body is larger than 64 KiB.")
    try:
        found = msgspec.json.decode(bytes(body))
    except (msgspec.DecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise invalid("The body must be a JSON object.")
    return found


def answer(value: object, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """JSON that nobody may store."""
    return Response(msgspec.json.encode(value), status, NO_STORE, "application/json")


def empty(status: HTTPStatus) -> Response:
    """No body."""
    return Response(status_code=status, headers=NO_STORE)
