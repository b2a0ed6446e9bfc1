"""A gateway of the demonstration: it asks `POST /v1/check` over real HTTP about every token it is shown."""

import http.client
import time
from typing import NamedTuple

import msgspec

from api.server import Address
from revocation.claims import Claims

PATIENCE_SECONDS = 5.0


class Reply(NamedTuple):
    """What was answered, and how long it took."""

    decision: str
    reason: str | None
    seconds: float


class _Answer(msgspec.Struct):
    decision: str
    reason: str | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Answer).decode


class Gateway:
    """One connection to the API, kept open. Not for several threads."""

    def __init__(self, address: Address) -> None:
        self._connection = http.client.HTTPConnection(address.host, address.port, timeout=PATIENCE_SECONDS)

    def ask(self, claims: Claims) -> Reply:
        """Ask about one token.

        Raises:
            OSError: the API does not answer.
            http.client.HTTPException: it answers something else.
        """
        members = {name: value for name in claims.__struct_fields__ if (value := getattr(claims, name)) is not None}
        began = time.perf_counter()
        self._connection.request("POST", "/v1/check", _encode(members), {"Content-Type": "application/json"})
        response = self._connection.getresponse()
        body = response.read()
        seconds = time.perf_counter() - began
        if response.status != http.client.OK:
            raise http.client.HTTPException(f"/v1/check answered {response.status}")
        answer = _decode(body)
        return Reply(answer.decision, answer.reason, seconds)

    def close(self) -> None:
        """End the connection."""
        self._connection.close()
