"""What the OpenAPI document says of the transmitter's routes: one row a route."""

from typing import Any

from api.protocols.ssf import transmitter as paths
from revocation.ssf.events import RISK_LEVEL_CHANGE, SESSION_REVOKED
from revocation.ssf.streams import PUSH
from revocation.ssf.subjects import Json

STREAM_ID = "f67e39a0a4d34d56b3aa1bc4cff0069f"
STREAM: Json = {
    "stream_id": STREAM_ID,
    "iss": "https://tokenward.example.com",
    "aud": "https://receiver.example.com",
    "events_supported": [SESSION_REVOKED, RISK_LEVEL_CHANGE],
    "events_requested": [SESSION_REVOKED],
    "events_delivered": [SESSION_REVOKED],
    "delivery": {"method": PUSH, "endpoint_url": "https://receiver.example.com/events"},
    "min_verification_interval": 60,
}
ASKED: Json = {
    "events_requested": [SESSION_REVOKED],
    "delivery": {
        "method": PUSH,
        "endpoint_url": "https://receiver.example.com/events",
        "authorization_header": "Bearer eyJ0eXAiOiJ",
    },
}
SUBJECT: Json = {"stream_id": STREAM_ID, "subject": {"format": "iss_sub", "iss": "https://idp", "sub": "99beb27c"}}
STATUS: Json = {"stream_id": STREAM_ID, "status": "paused", "reason": "Maintenance"}

_WHY = {
    400: "Not as it must be",
    401: "No or bad credentials",
    403: "Not allowed",
    404: "No such stream of the caller",
    409: "As many streams as there may be",
    413: "The body is larger than 64 KiB",
    429: "Too soon, or too many",
    503: "What is kept does not answer",
}
_ERROR: Json = {
    "type": "object",
    "required": ["err", "description"],
    "properties": {"err": {"type": "string"}, "description": {"type": "string"}},
}
_OBJECT: Json = {"type": "object"}
_BODY: Json = {"type": "object", "required": ["stream_id"], "properties": {"stream_id": {"type": "string"}}}


def _row(summary: str, good: int, example: Any, *bad: int, body: Json | None = None, schema: Json = _OBJECT) -> Json:
    """The keywords of `add_api_route`: what is answered, what is refused, and what is to be sent."""
    shown = {} if example is None else {"content": {"application/json": {"schema": schema, "example": example}}}
    refused = {"application/json": {"schema": _ERROR}}
    responses: dict[int, Json] = {code: {"description": _WHY[code], "content": refused} for code in (*bad, 503)}
    further = {} if body is None else {"openapi_extra": {"requestBody": body}}
    return {
        "summary": summary,
        "status_code": good,
        "responses": {good: {"description": "Done", **shown}} | responses,
        **further,
    }


def _body(example: Json, schema: Json = _BODY) -> Json:
    return {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}


_CHANGED = (400, 401, 403, 404, 413)
_LISTED: Json = {"anyOf": [_OBJECT, {"type": "array", "items": _OBJECT}]}

DOCUMENTED: dict[tuple[str, str], Json] = {
    ("POST", paths.STREAMS): _row(
        "Open a stream", 201, STREAM, 400, 401, 403, 409, 413, body=_body(ASKED, schema=_OBJECT)
    ),
    ("GET", paths.STREAMS): _row("The caller's streams, or one", 200, [STREAM], 401, 403, 404, schema=_LISTED),
    ("PATCH", paths.STREAMS): _row(
        "Change a stream", 200, STREAM, *_CHANGED, body=_body({"stream_id": STREAM_ID, "description": "Ours"})
    ),
    ("PUT", paths.STREAMS): _row(
        "Replace a stream", 200, STREAM, *_CHANGED, body=_body({"stream_id": STREAM_ID} | ASKED)
    ),
    ("DELETE", paths.STREAMS): _row("Close a stream", 204, None, 400, 401, 403, 404),
    ("GET", paths.STATUS): _row("How a stream stands", 200, STATUS, 400, 401, 403, 404),
    ("POST", paths.STATUS): _row("Pause, stop or go on", 200, STATUS, *_CHANGED, body=_body(STATUS)),
    ("POST", paths.ADD_SUBJECT): _row("Add a subject", 200, None, *_CHANGED, 429, body=_body(SUBJECT)),
    ("POST", paths.REMOVE_SUBJECT): _row("Remove a subject", 204, None, *_CHANGED, 429, body=_body(SUBJECT)),
    ("POST", paths.VERIFY): _row(
        "Ask for a verification event",
        204,
        None,
        *_CHANGED,
        429,
        body=_body({"stream_id": STREAM_ID, "state": "VGhpcw"}),
    ),
    ("POST", f"{paths.POLLED}/{{stream_id}}"): _row(
        "Fetch security events (RFC 8936)",
        200,
        {"sets": {"4d3559ec67504aaba65d40b0363faad8": "eyJ0eXAiOiJzZWNldmVudCtqd3QiLCJhbGciOiJSUzI1NiJ9.e30.c2ln"}},
        *_CHANGED,
        body=_body({"maxEvents": 10, "returnImmediately": True, "ack": []}, schema=_OBJECT),
    ),
    ("GET", paths.WELL_KNOWN): _row("What the transmitter says of itself", 200, {"spec_version": "1_0"}),
    ("GET", paths.JWKS): _row("The keys that security events are signed with", 200, {"keys": []}),
}
