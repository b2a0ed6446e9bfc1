"""The feed's part of the OpenAPI document; its examples are made by the very code that answers."""

from typing import Any

from api.examples import UNTIL
from api.feed.asked import LONGEST_WAIT, MOST_CHANGES, NAME, USUAL_CHANGES
from api.feed.feed import ACKNOWLEDGEMENTS, CHANGES, SNAPSHOT, STREAM
from api.feed.lines import Age, changes_body, entry_lines, heartbeat
from api.feed.recent import Page, Part
from api.feed.whole import pack, whole
from api.openapi import body_of, reference, refusals
from api.problems import (
    BAD_REQUEST,
    BUSY,
    METHOD_NOT_ALLOWED,
    NOT_READY,
    REGISTRY_UNAVAILABLE,
    RESYNC,
    TOO_LARGE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from revocation.feed import line_of
from revocation.record import Cursor, Position, Revocation, Scope, State, Subject

Json = dict[str, Any]

_AGE = Age(UNTIL - 600_000, 12)
_BEFORE, _AFTER = Position((Cursor("9f1c2a7e", 4711),)), Position((Cursor("9f1c2a7e", 4712),))
_ENTRY = Revocation(
    id="5d1f0c7b9a3e4d2f8c6b7a1e0f9d8c7b",
    subject=Subject(Scope.FAMILY, bytes.fromhex("0a4f6c1d2e3b5a79887766554433221f")),
    state=State.REVOKED,
    reasons=("reuse.theft_confirmed", "travel.impossible"),
    decided_at=UNTIL - 600_000,
    expires_at=UNTIL,
)
_LINE = line_of(_ENTRY, 4712)
_BEAT = heartbeat(_AFTER, _AGE)

SNAPSHOT_TEXT = b"".join(whole(_BEFORE, [pack(entry_lines([_ENTRY]))], 1, _AGE).plain()).decode()
CHANGES_TEXT = changes_body(Page(_BEFORE, _AFTER, (Part(0, 4711, [_LINE]),)), _AGE).decode()
STREAM_TEXT = (
    b"id: %b\nevent: change\ndata: %b\nid: %b\nevent: heartbeat\ndata: %b\n\nevent: resync\ndata: %b\n\n"
    % (str(_AFTER).encode(), _LINE, str(_AFTER).encode(), _BEAT, _BEAT)
).decode()
ACKNOWLEDGEMENT = {"replica": "gateway-7", "cursor": str(_AFTER)}
STANDINGS = {
    "replicas": [
        {
            "name": "gateway-7",
            "cursor": str(_AFTER),
            "heard_at": UNTIL - 600_000,
            "behind": 0,
            "lag_ms": 0,
            "laggard": False,
        }
    ]
}


def feed_paths() -> Json:
    """The routes that FastAPI does not serve."""
    return {
        SNAPSHOT: {
            "get": _operation(
                "snapshot",
                "Everything, for a replica that has nothing",
                "A header line, the entries, an end line with the BLAKE2b-128 digest of all lines before. Without the "
                "end line it is no snapshot. With `Accept-Encoding: gzip` it is compressed. Changes after its `cursor` "
                "are safe to apply, those that are in it already, too.",
                [],
                _text("application/x-ndjson", SNAPSHOT_TEXT),
                (BAD_REQUEST, METHOD_NOT_ALLOWED, NOT_READY, BUSY),
            )
        },
        CHANGES: {
            "get": _operation(
                "changes",
                "What came after a position",
                "A header line, each change with its `seq`, an end line whose `cursor` is the position to ask next. "
                "An answer may hold fewer changes than `limit` although there are more; where it holds none, there are "
                "none. The position that is asked for acknowledges everything up to it.",
                [
                    _parameter(
                        "cursor",
                        {"type": "string"},
                        "The position; of a snapshot or of the last answer.",
                        required=True,
                    ),
                    _parameter(
                        "wait",
                        {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT, "default": 0},
                        "Seconds to wait for a first change.",
                    ),
                    _parameter(
                        "limit",
                        {"type": "integer", "minimum": 1, "maximum": MOST_CHANGES, "default": USUAL_CHANGES},
                        "The most changes.",
                    ),
                    _parameter(
                        "replica", {"type": "string", "pattern": f"^{NAME}$"}, "Who asks, for the list of laggards."
                    ),
                ],
                _text("application/x-ndjson", CHANGES_TEXT),
                (BAD_REQUEST, METHOD_NOT_ALLOWED, RESYNC, NOT_READY, BUSY, REGISTRY_UNAVAILABLE),
            )
        },
        STREAM: {
            "get": _operation(
                "stream",
                "The changes as Server-Sent Events",
                "The id of an event is the position after it. A heartbeat comes first, and then regularly; `age_ms` is "
                "how long before `at` the registry was last heard of. After `resync` the stream ends: take a snapshot.",
                [
                    _parameter("cursor", {"type": "string"}, "Where to begin; without it and `Last-Event-ID`: now."),
                    {**_parameter("Last-Event-ID", {"type": "string"}, "Goes before `cursor`."), "in": "header"},
                ],
                _text("text/event-stream", STREAM_TEXT),
                (BAD_REQUEST, METHOD_NOT_ALLOWED, NOT_READY, BUSY, REGISTRY_UNAVAILABLE),
            )
        },
        ACKNOWLEDGEMENTS: {
            "post": {
                **_operation(
                    "acknowledge",
                    "Say what is applied",
                    "For readers of the stream; a poll acknowledges by itself.",
                    [],
                    {"204": {"description": "Noted."}},
                    (BAD_REQUEST, METHOD_NOT_ALLOWED, TOO_LARGE, UNSUPPORTED_MEDIA_TYPE, BUSY),
                ),
                "requestBody": body_of(reference("Acknowledgement"), {"a gateway": ACKNOWLEDGEMENT}),
            }
        },
    }


def _operation(
    name: str, summary: str, description: str, parameters: list[Json], answered: Json, refused: tuple[Problem, ...]
) -> Json:
    return {
        "tags": ["feed"],
        "operationId": name,
        "summary": summary,
        "description": description,
        "parameters": parameters,
        "responses": answered | {str(status): response for status, response in refusals(*refused).items()},
    }


def _parameter(name: str, schema: Json, meaning: str, *, required: bool = False) -> Json:
    return {"name": name, "in": "query", "required": required, "schema": schema, "description": meaning}


def _text(media_type: str, example: str) -> Json:
    content = {media_type: {"schema": {"type": "string"}, "example": example}}
    return {"200": {"description": "Text, line by line; never to be stored.", "content": content}}
