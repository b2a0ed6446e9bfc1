"""`POST /v1/ssf/events`: security events that a transmitter pushes, RFC 8935.

The token's own signature says who sent it, so nobody else has to be shown; a transmitter that was told to send an
`Authorization` (SSF 1.0, section 6.1.1) has to, as well. 202 is answered when the event was acted upon, and for a
repeated one (section 2); 400 with `err` and `description` where it will never be taken (section 2.3); 503 where it
should come again.
"""

import msgspec

from api.protocols.counts import ProtocolCounts
from api.protocols.receiver import Receiver
from api.protocols.wire import JSON, Answer, Fault, Request, Route
from revocation.secevents import SetRefused

PATH = "/v1/ssf/events"
MEDIA_TYPE = b"application/secevent+jwt"
SET_BYTES = 16 * 1024
ACCEPTED = Answer(202)
LANGUAGE = (b"content-language", b"en")


class Push:
    """Hands what is pushed to the receiver."""

    def __init__(self, receiver: Receiver, counts: ProtocolCounts) -> None:
        self._receiver = receiver
        self._counts = counts

    def route(self) -> Route:
        """The route."""
        return Route(PATH, [MEDIA_TYPE], SET_BYTES, self.serve, told, self._counts)

    async def serve(self, request: Request) -> Answer:
        """One event."""
        try:
            # Some transmitters end the body with a line's end.
            await self._receiver.push(request.body.strip(), request.header(b"authorization"))
        except SetRefused as refused:
            raise Fault(400, refused.code, refused.sentence) from None
        return ACCEPTED


def told(fault: Fault) -> Answer:
    """RFC 8935, section 2.3; what is no fault of the event's has no code, and only a status."""
    if fault.status >= 500:  # noqa: PLR2004 - HTTP's own number
        return Answer(fault.status, b"", fault.headers)
    body = msgspec.json.encode({"err": fault.code, "description": fault.sentence})
    return Answer(fault.status, body, (JSON, LANGUAGE, *fault.headers))
